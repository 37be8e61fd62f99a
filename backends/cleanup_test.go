package backends_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// failUpload begins a large upload to key and aborts it; it returns what the client hears.
func (b *bench) failUpload(t *testing.T, key string) error {
	t.Helper()
	w, err := b.Create(t.Context(), key, backends.CreateOptions{})
	require.NoError(t, err)
	_, _ = w.Write(noise(1, partSize+1)) // if its start fails, it may or may not know that yet
	synctest.Wait()
	return w.Abort(t.Context())
}

// logged is a bench that writes its log to the buffer.
func logged(t *testing.T) (*bench, *bytes.Buffer) {
	t.Helper()
	b := newBench(t, memstore.Options{})
	log := new(bytes.Buffer)
	b.Store = backends.NewStore("test", b.hooked, backends.StoreOptions{
		Memory: b.memory, PartSize: partSize, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	return b, log
}

func TestAbortIsTriedUntilTheStoreIsBack(t *testing.T) {
	for _, away := range []time.Duration{10 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b, _ := logged(t)
			start := time.Now()
			b.before = func(_ context.Context, op string, _ int) error {
				if op == "Abort" && time.Since(start) < away {
					return down(op)
				}
				return nil
			}
			const uploads = 5
			for i := range uploads {
				require.ErrorIs(t, b.failUpload(t, fmt.Sprint(i)), backends.ErrUnavailable)
			}
			require.Zero(t, time.Since(start), "no client waits")
			time.Sleep(away + time.Minute)
			_, left := b.mem.Left()
			require.Empty(t, left)
			require.Less(t, b.count("Abort"), uploads+50, "a store that is away is not stormed")
			b.requireClean(t)
		})
	}
}

func TestAbortOfAStoreThatHangsHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := logged(t)
		var hanging atomic.Bool
		hanging.Store(true)
		b.before = func(ctx context.Context, op string, _ int) error {
			if op == "Abort" && hanging.Load() {
				<-ctx.Done()
			}
			return ctx.Err()
		}
		start := time.Now()
		require.Error(t, b.failUpload(t, "a"))
		require.Equal(t, 2*time.Second, time.Since(start))
		synctest.Wait()
		hanging.Store(false)
		time.Sleep(time.Minute)
		require.Equal(t, 2, b.count("Abort"))
		b.requireClean(t)
	})
}

func TestCleanupEnds(t *testing.T) {
	for name, c := range map[string]struct {
		kind  backends.Kind
		tries int
	}{"refused": {backends.ErrPermission, 2}, "away for good": {backends.ErrUnavailable, 35}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, log := logged(t)
				b.before = func(_ context.Context, op string, _ int) error {
					if op == "Abort" {
						return backends.NewError(op, "", c.kind, nil)
					}
					return nil
				}
				require.ErrorIs(t, b.failUpload(t, "a"), c.kind)
				time.Sleep(time.Hour)
				require.Equal(t, c.tries, b.count("Abort"))
				require.NoError(t, b.Close())
				require.Equal(t, 1, strings.Count(log.String(), "level=ERROR"))
				require.Contains(t, log.String(), "key=a")
			})
		})
	}
}

func TestCloseTriesOnceMoreAndNotForEver(t *testing.T) {
	const uploads = 3
	for name, c := range map[string]struct {
		abort func(ctx context.Context) error
		takes time.Duration
		left  int
	}{
		"back":    {func(context.Context) error { return nil }, 0, 0},
		"away":    {func(context.Context) error { return down("Abort") }, 0, uploads},
		"hanging": {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 10 * time.Second, uploads},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, log := logged(t)
				var closing atomic.Bool
				b.before = func(ctx context.Context, op string, _ int) error {
					switch {
					case op != "Abort":
						return nil
					case closing.Load():
						return c.abort(ctx)
					}
					return down(op)
				}
				for i := range uploads {
					require.ErrorIs(t, b.failUpload(t, fmt.Sprint(i)), backends.ErrUnavailable)
				}
				closing.Store(true)
				start := time.Now()
				require.NoError(t, b.Close())
				require.Equal(t, c.takes, time.Since(start))
				_, left := b.mem.Left()
				require.Len(t, left, c.left)
				require.Equal(t, c.left, strings.Count(log.String(), "level=ERROR"))
			})
		})
	}
}

// TestUnendedStarts covers uploads that a driver could not begin, nor be sure that it had not.
func TestUnendedStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _ := logged(t)
		b.before = func(ctx context.Context, op string, n int) error {
			switch {
			case op == "StartUpload" || op == "Copy":
				u, err := b.mem.StartUpload(ctx, "a", backends.WriteOptions{})
				require.NoError(t, err)
				return &backends.UnendedError{Upload: &hookedUpload{u, b.hooked}, Err: down(op)}
			case op == "Abort" && n < 5:
				return down(op)
			}
			return nil
		}
		require.ErrorIs(t, b.failUpload(t, "a"), backends.ErrUnavailable)
		require.Zero(t, b.count("PutPart"))
		b.save(t, "b", nil)
		b.Store = backends.NewStore("test", withoutMove{b.hooked}, backends.StoreOptions{Memory: b.memory})
		require.ErrorIs(t, b.Rename(t.Context(), backends.Info{Key: "b"}, "a", backends.RenameOptions{}), backends.ErrUnavailable)
		require.ErrorIs(t, b.SetModTime(t.Context(), "b", time.Now()), backends.ErrUnavailable)
		time.Sleep(time.Minute)
		_, left := b.mem.Left()
		require.Empty(t, left)
		b.requireClean(t)
	})
}

// withoutMove has the Store rename by copying.
type withoutMove struct{ backends.Driver }

func (d withoutMove) Describe() (backends.Caps, backends.Limits) {
	caps, limits := d.Driver.Describe()
	return caps &^ backends.CapMove, limits
}
