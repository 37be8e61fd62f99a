package backends

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeyLocks(t *testing.T) {
	var locks KeyLocks
	ctx := t.Context()
	unlock, err := locks.Lock(ctx, "b", "a/", "a")
	require.NoError(t, err)
	cut, cancel := context.WithCancel(ctx)
	waited := make(chan error, 1)
	go func() {
		_, err := locks.Lock(cut, "a", "c")
		waited <- err
	}()
	cancel()
	require.ErrorIs(t, <-waited, context.Canceled)
	unlock()
	unlock, err = locks.Lock(ctx, "a", "b", "c")
	require.NoError(t, err)
	unlock()
	require.Empty(t, locks.held)

	var counts [2]int
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 100 {
				keys := [][]string{{"x", "y"}, {"y", "x"}}[i%2]
				unlock, err := locks.Lock(ctx, keys...)
				if err == nil {
					counts[0]++ // the race detector watches
					counts[1]++
					unlock()
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, [2]int{800, 800}, counts)
	require.Empty(t, locks.held)
}
