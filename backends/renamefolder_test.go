package backends_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// empty is the body of an empty object.
type empty struct{}

func (*empty) Read([]byte) (int, error)       { return 0, io.EOF }
func (*empty) Seek(int64, int) (int64, error) { return 0, nil }

// noMove is a store that renames folders object by object.
var noMove = memstore.Options{Without: backends.CapMove}

func (b *bench) below(t *testing.T, prefix string) (n int) {
	t.Helper()
	keys, _ := b.mem.Left()
	for _, key := range keys {
		if strings.HasPrefix(key, prefix) {
			n++
		}
	}
	return n
}

func TestRenameFolderOfManyPages(t *testing.T) {
	b := newBench(t, noMove)
	b.fillPages(t, 2500)
	require.NoError(t, b.MakeFolder(t.Context(), "d"))
	require.NoError(t, b.RenameFolder(t.Context(), "d", "e"))
	require.Zero(t, b.below(t, "d/"))
	require.Equal(t, 2501, b.below(t, "e/"))
	require.Equal(t, 2501, b.count("Copy"))
	require.Equal(t, 4, b.count("Delete"), "in batches, and the marker last")
	require.Equal(t, 4, b.count("ListPage"), "one for the new name, and the pages")
}

func TestRenameFolderThatFailsGoesOn(t *testing.T) {
	for _, c := range []struct {
		fails string
		n     int
		both  int // objects that have both names afterwards
	}{
		{"Copy", 1, 0},
		{"Copy", 500, 0},
		{"Copy", 1500, 0},
		{"Delete", 1, 1000},
		{"Delete", 3, 500},
		{"ListPage", 4, 0},
	} {
		t.Run(fmt.Sprint(c.fails, c.n), func(t *testing.T) {
			b := newBench(t, noMove)
			b.fillPages(t, 2500)
			failing := true
			b.before = func(_ context.Context, op string, n int) error {
				if failing && op == c.fails && n == c.n {
					return down(op)
				}
				return nil
			}
			err := b.RenameFolder(t.Context(), "d", "e")
			require.Equal(t, backends.ErrUnavailable, backends.KindOf(err))
			require.ErrorContains(t, err, "objects moved to \"e/\"")
			require.ErrorContains(t, err, "the same rename again goes on from here")
			require.Equal(t, 2500+c.both, b.below(t, "d/")+b.below(t, "e/"))
			require.Equal(t, 1, b.below(t, backends.StatePrefix))
			if c.both > 0 {
				require.NoError(t, b.MakeFolder(t.Context(), "other"))
				require.ErrorIs(t, b.RenameFolder(t.Context(), "other", "e"), backends.ErrExist, "another move")
			}

			failing = false
			again := backends.NewStore("again", b.hooked, backends.StoreOptions{})
			require.NoError(t, again.RenameFolder(t.Context(), "d", "e"))
			require.NoError(t, again.Close())
			require.Zero(t, b.below(t, "d/"))
			require.Equal(t, 2500, b.below(t, "e/"))
			require.Zero(t, b.below(t, backends.StatePrefix))
			require.Zero(t, b.count("ReadRange"), "the store's sums tell what is a copy")
		})
	}
}

func TestRenameFolderEndsWhatItHasBegunWhenTheClientGoes(t *testing.T) {
	b := newBench(t, noMove)
	b.fillPages(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	b.before = func(ctx context.Context, op string, n int) error {
		if op == "Copy" && n == 50 {
			cancel()
		}
		return ctx.Err()
	}
	require.ErrorIs(t, b.RenameFolder(ctx, "d", "e"), context.Canceled)
	require.Equal(t, 100, b.below(t, "d/")+b.below(t, "e/"), "no object has both names, and none neither")
	require.Positive(t, b.below(t, "e/"))
	b.before = nil
	require.NoError(t, b.RenameFolder(t.Context(), "d", "e"))
	require.Equal(t, 100, b.below(t, "e/"))
}

func TestRenameFolderCopiesInParallelUpToALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, noMove)
		b.fillPages(t, 100)
		var copies gauge
		proceed := make(chan struct{})
		b.before = func(_ context.Context, op string, _ int) error {
			if op == "Copy" {
				copies.enter()
				<-proceed
			}
			return nil
		}
		b.after = func(op string) {
			if op == "Copy" {
				copies.leave()
			}
		}
		done := make(chan error)
		go func() { done <- b.RenameFolder(t.Context(), "d", "e") }()
		synctest.Wait()
		require.Equal(t, 16, copies.now)
		close(proceed)
		require.NoError(t, <-done)
		require.Equal(t, 16, copies.most)
	})
}

func TestRenameFolderWithOneDeletionPerRequest(t *testing.T) {
	b := newBench(t, memstore.Options{Folders: true, Without: backends.CapMove | backends.CapCopy, Limits: func(l *backends.Limits) { l.DeleteBatch = 1 }})
	for _, key := range []string{"d/a/b/c", "d/a/x", "d/y"} {
		b.save(t, key, []byte(key))
	}
	require.NoError(t, b.RenameFolder(t.Context(), "d", "e/f"))
	require.Zero(t, b.below(t, "d/"))
	require.Equal(t, "d/a/b/c", string(b.load(t, "e/f/a/b/c")))
	b.requireClean(t)
}
