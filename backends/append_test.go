package backends_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// rival appends to "log" in another process, a moment before each of the first so many commits.
func (b *bench) rival(t *testing.T, times int) (added func() string) {
	t.Helper()
	rival := backends.NewStore("rival", b.mem, backends.StoreOptions{})
	t.Cleanup(func() { require.NoError(t, rival.Close()) })
	var all strings.Builder
	b.before = func(ctx context.Context, op string, _ int) error {
		if (op == "Put" || op == "Commit") && times > 0 {
			times--
			w, err := rival.Create(ctx, "log", backends.CreateOptions{Append: true})
			require.NoError(t, err)
			_, err = w.Write([]byte("theirs,"))
			require.NoError(t, err)
			_, err = w.Commit(ctx)
			require.NoError(t, err)
			all.WriteString("theirs,")
		}
		return nil
	}
	return all.String
}

func TestAppendAgainstAnotherProcess(t *testing.T) {
	for name, opts := range map[string]memstore.Options{
		"base":      {},
		"rewritten": {Without: backends.CapBase},
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []struct {
				rivals int
				err    error
			}{{1, nil}, {9, nil}, {10, backends.ErrChanged}} {
				b := newBench(t, opts)
				b.save(t, "log", []byte("first,"))
				w, err := b.Create(t.Context(), "log", backends.CreateOptions{Append: true, SHA256: true})
				require.NoError(t, err)
				_, err = w.Write([]byte("mine,"))
				require.NoError(t, err)
				theirs := b.rival(t, c.rivals)
				_, err = w.Commit(t.Context())
				want := "first," + theirs()
				if c.err == nil {
					require.NoError(t, err)
					want += "mine,"
				} else {
					require.ErrorIs(t, err, c.err)
				}
				require.Equal(t, want, string(b.load(t, "log")))
				b.requireClean(t)
			}
		})
	}
}

func TestAnAppendThatWaitsForAnotherEndsWithItsClient(t *testing.T) {
	b := newBench(t, memstore.Options{})
	b.save(t, "log", []byte("first,"))
	begin := func() *backends.Writer {
		w, err := b.Create(t.Context(), "log", backends.CreateOptions{Append: true})
		require.NoError(t, err)
		_, err = w.Write([]byte("mine,"))
		require.NoError(t, err)
		return w
	}
	holder, waiting := begin(), begin()
	ctx, cancel := context.WithCancel(t.Context())
	b.before = func(_ context.Context, op string, n int) error {
		if op == "Commit" && n == 1 {
			cancel()
			_, err := waiting.Commit(ctx)
			require.ErrorIs(t, err, context.Canceled)
		}
		return nil
	}
	_, err := holder.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first,mine,", string(b.load(t, "log")))
	b.requireClean(t)
}
