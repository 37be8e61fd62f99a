package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// sick is a store whose checks fail while there is a problem.
type sick struct {
	backends.Driver
	problem atomic.Pointer[error]

	mu     sync.Mutex
	checks []time.Time
}

func (d *sick) Check(ctx context.Context) error {
	d.mu.Lock()
	d.checks = append(d.checks, time.Now())
	d.mu.Unlock()
	if problem := d.problem.Load(); problem != nil {
		if errors.Is(*problem, errHangs) {
			<-ctx.Done()
			return backends.NewError("check", "", backends.ErrUnavailable, ctx.Err())
		}
		return *problem
	}
	return d.Driver.Check(ctx)
}

var errHangs = errors.New("hangs")

func (d *sick) fail(err error) { d.problem.Store(&err) }

func (d *sick) checked() []time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.checks)
}

func newSick(t *testing.T) (*Gateway, *sick, *logBuffer) {
	t.Helper()
	d := &sick{Driver: memstore.New(memstore.Options{})}
	f := newFixture(t, kinds["memory"])
	store := backends.NewStore("lake", d, backends.StoreOptions{})
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	f.stores = map[string]*backends.Store{"lake": store, "two": f.stores["two"]}
	g, err := New(Options{Stores: f.stores, Logger: f.logger()})
	require.NoError(t, err)
	return g, d, &f.log
}

func unavailable(text string) error {
	return backends.NewError("check", "", backends.ErrUnavailable, errors.New(text))
}

func TestWatchStores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d, log := newSick(t)
		d.fail(unavailable("connection refused"))
		require.ErrorContains(t, g.StoresReady(), "store lake: not checked yet")
		require.ErrorContains(t, g.StoresReady(), "store two: not checked yet")

		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		go func() {
			g.WatchStores(ctx)
			close(returned)
		}()
		synctest.Wait()
		require.ErrorContains(t, g.StoresReady(), "connection refused")
		require.NotContains(t, g.StoresReady().Error(), "store two")
		require.Equal(t, 1, strings.Count(log.String(), "store cannot be used"), "told at once")
		require.Contains(t, log.String(), "store=lake")

		time.Sleep(30 * time.Second) // the pauses still grow: before the longest they make up half of 1+2+4+8+16+32 s
		times := d.checked()
		require.Greater(t, len(times), 4)
		require.Equal(t, 1, strings.Count(log.String(), "store cannot be used"), "the same problem is told once")
		for i := 1; i < len(times); i++ {
			pause := min(firstCheckPause<<(i-1), maxCheckPause)
			require.GreaterOrEqual(t, times[i].Sub(times[i-1]), pause/2)
			require.Less(t, times[i].Sub(times[i-1]), pause)
		}

		d.fail(unavailable("access denied"))
		time.Sleep(2 * maxCheckPause)
		require.Contains(t, log.String(), "access denied", "another problem")
		told := strings.Count(log.String(), "access denied")
		checks := len(d.checked())
		time.Sleep(10 * maxCheckPause)
		require.Equal(t, len(d.checked())-checks, strings.Count(log.String(), "access denied")-told, "then at every check")
		require.GreaterOrEqual(t, len(d.checked())-checks, 10)
		require.LessOrEqual(t, len(d.checked())-checks, 20)

		d.fail(errHangs)
		time.Sleep(maxCheckPause + checkTimeout)
		require.ErrorContains(t, g.StoresReady(), "deadline exceeded")

		d.problem.Store(nil)
		time.Sleep(maxCheckPause + checkTimeout)
		require.NoError(t, g.StoresReady())
		require.Equal(t, 1, strings.Count(log.String(), "store can be used again"))
		checks = len(d.checked())
		time.Sleep(10 * maxCheckPause)
		require.Len(t, d.checked(), checks, "a check costs money")

		d.fail(unavailable("gone again"))
		for range 100 {
			g.health.suspect("lake")
		}
		time.Sleep(firstCheckPause)
		require.ErrorContains(t, g.StoresReady(), "gone again")
		require.Len(t, d.checked(), checks+1, "many failures, one check")
		d.problem.Store(nil)
		time.Sleep(firstCheckPause)
		require.NoError(t, g.StoresReady())

		cancel()
		<-returned
	})
}

func TestWatchStoresEndsAtOnce(t *testing.T) {
	for name, problem := range map[string]error{"in a pause": unavailable("?"), "in a check": errHangs, "when all is well": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, d, _ := newSick(t)
				if problem != nil {
					d.fail(problem)
				}
				ctx, cancel := context.WithCancel(t.Context())
				began := time.Now()
				go func() {
					synctest.Wait()
					cancel()
				}()
				g.WatchStores(ctx)
				require.Zero(t, time.Since(began))
			})
		})
	}
}
