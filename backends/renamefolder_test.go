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

func TestRenameFolderThatFails(t *testing.T) {
	for _, c := range []struct {
		fails    string
		n        int
		old, new int // objects with each name afterwards
	}{
		{"Copy", 1, 2500, 0},
		{"Copy", 500, 2500, 0},
		{"Copy", 1500, 1500, 1000}, // the copies of its page are taken back
		{"Delete", 1, 2500, 1000},  // some have both names
		{"ListPage", 4, 500, 2000},
	} {
		t.Run(fmt.Sprint(c.fails, c.n), func(t *testing.T) {
			b := newBench(t, noMove)
			b.fillPages(t, 2500)
			b.before = func(_ context.Context, op string, n int) error {
				if op == c.fails && n == c.n {
					return down(op)
				}
				return nil
			}
			err := b.RenameFolder(t.Context(), "d", "e")
			require.ErrorIs(t, err, backends.ErrUnavailable)
			require.Equal(t, backends.ErrUnavailable, backends.KindOf(err))
			require.Contains(t, err.Error(), "objects moved")
			require.Equal(t, c.old, b.below(t, "d/"))
			require.Equal(t, c.new, b.below(t, "e/"))
		})
	}
}

func TestRenameFolderTakesBackItsCopiesWhenTheClientGoes(t *testing.T) {
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
	require.Equal(t, 100, b.below(t, "d/"))
	require.Zero(t, b.below(t, "e/"))
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
