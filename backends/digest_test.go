package backends_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// TestSHA256AddedAfterTheCommit is of a store that takes no metadata at a commit, as S3.
func TestSHA256AddedAfterTheCommit(t *testing.T) {
	data := noise(1, 3*partSize)
	sum := sha256.Sum256(data)
	for name, c := range map[string]struct {
		beforeCopy func(t *testing.T, b *bench) error
		kept       bool
		warns      bool
	}{
		"kept":  {beforeCopy: func(*testing.T, *bench) error { return nil }, kept: true},
		"fails": {beforeCopy: func(*testing.T, *bench) error { return down("Copy") }, warns: true},
		"replaced": {beforeCopy: func(t *testing.T, b *bench) error {
			t.Helper()
			b.save(t, "a", []byte("newer"))
			return nil
		}},
		"removed": {beforeCopy: func(t *testing.T, b *bench) error {
			t.Helper()
			return b.mem.Delete(t.Context(), backends.Targets("a"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			b := newBench(t, memstore.Options{Without: backends.CapCommitMetadata})
			b.Store = backends.NewStore("test", b.hooked, backends.StoreOptions{
				Memory: b.memory, PartSize: partSize,
				Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn})),
			})
			b.before = func(_ context.Context, op string, _ int) error {
				if op == "Copy" {
					return c.beforeCopy(t, b)
				}
				return nil
			}
			w, err := b.Create(t.Context(), "a", backends.CreateOptions{SHA256: true})
			require.NoError(t, err)
			_, err = w.Write(data)
			require.NoError(t, err)
			info, err := w.Commit(t.Context())
			require.NoError(t, err, "the object was committed")
			require.Equal(t, hex.EncodeToString(sum[:]), info.Metadata[backends.MetaSHA256])
			require.Equal(t, 1, b.count("Copy"))
			require.Equal(t, c.warns, log.Len() > 0, log.String())
			if c.kept {
				now, err := b.Stat(t.Context(), "a")
				require.NoError(t, err)
				require.Equal(t, info.Metadata, now.Metadata)
				require.Equal(t, info.Version, now.Version)
			}
			if name == "replaced" {
				require.Equal(t, "newer", string(b.load(t, "a")))
			}
			b.requireClean(t)
		})
	}
}
