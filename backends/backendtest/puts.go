package backendtest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var putCases = []testCase{
	{"PutReplacesTheWhole", 0, func(t *testing.T, f *fixture) {
		for i, size := range []int64{100, 0, 1, 300_000, 10} {
			data := noise(uint64(i), size)
			info := f.put(t, "a/b", data)
			require.Equal(t, info.Version, f.requireObject(t, "a/b", data).Version)
		}
	}},
	{"PutKeepsModTime", 0, func(t *testing.T, f *fixture) {
		mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		_, err := f.Put(t.Context(), "a", f.body([]byte("x")), backends.WriteOptions{ModTime: mtime, ContentType: "text/plain"})
		require.NoError(t, err)
		require.WithinDuration(t, mtime, f.requireObject(t, "a", []byte("x")).ModTime, 0)
	}},
	{"PutWithoutModTimeIsOfNow", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a", []byte("x"))
		require.WithinDuration(t, time.Now(), f.requireObject(t, "a", []byte("x")).ModTime, time.Minute)
	}},
	{"PutOfAWrongSum", 0, func(t *testing.T, f *fixture) {
		if f.limits.Checksum == backends.NoChecksum {
			return
		}
		before := f.put(t, "a", []byte("before"))
		for _, key := range []string{"a", "b", "c/"} {
			body := f.body(noise(1, 100))
			body.Sum ^= 1
			_, err := f.Put(t.Context(), key, body, backends.WriteOptions{})
			requireError(t, err, backends.ErrInvalid)
		}
		require.Equal(t, before.Version, f.requireObject(t, "a", []byte("before")).Version)
		f.requireAbsent(t, "b")
		f.requireAbsent(t, "c/")
	}},
	{"PutIfAbsent", backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		opts := backends.WriteOptions{IfAbsent: true}
		_, err := f.Put(t.Context(), "a/b", f.body([]byte("first")), opts)
		require.NoError(t, err)
		_, err = f.Put(t.Context(), "a/b", f.body([]byte("second")), opts)
		requireError(t, err, backends.ErrExist)
		f.requireObject(t, "a/b", []byte("first"))
		f.delete(t, "a/b")
		_, err = f.Put(t.Context(), "a/b", f.body([]byte("third")), opts)
		require.NoError(t, err)
		f.requireObject(t, "a/b", []byte("third"))
	}},
	{"PutIfAbsentHasOneWinner", backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		f.requireOneWinner(t, backends.ErrExist, backends.WriteOptions{IfAbsent: true})
	}},
	{"PutIfVersion", backends.CapIfVersion, func(t *testing.T, f *fixture) {
		first := f.put(t, "a", []byte("first"))
		second, err := f.Put(t.Context(), "a", f.body([]byte("second")), backends.WriteOptions{IfVersion: first.Version})
		require.NoError(t, err)
		_, err = f.Put(t.Context(), "a", f.body([]byte("stale")), backends.WriteOptions{IfVersion: first.Version})
		requireError(t, err, backends.ErrChanged)
		require.Equal(t, second.Version, f.requireObject(t, "a", []byte("second")).Version)

		f.delete(t, "a")
		_, err = f.Put(t.Context(), "a", f.body([]byte("gone")), backends.WriteOptions{IfVersion: second.Version})
		requireError(t, err, backends.ErrChanged)
		f.requireAbsent(t, "a")
	}},
	{"PutIfVersionHasOneWinner", backends.CapIfVersion, func(t *testing.T, f *fixture) {
		info := f.put(t, "a", []byte("before"))
		f.requireOneWinner(t, backends.ErrChanged, backends.WriteOptions{IfVersion: info.Version})
	}},
	{"PutThatIsCutOff", 0, func(t *testing.T, f *fixture) {
		before, after := noise(1, 100), noise(2, 1<<20)
		f.put(t, "a", before)
		ctx, body, over := f.endingBody(t, after)
		_, err := f.Put(ctx, "a", body, backends.WriteOptions{})
		over()
		if err == nil { // it was all there already
			f.requireObject(t, "a", after)
			return
		}
		require.ErrorIs(t, err, context.Canceled)
		f.requireObject(t, "a", before)
	}},
	{"ConcurrentPutsDoNotMix", 0, func(t *testing.T, f *fixture) {
		const writers, size = 4, 100_000
		var all sync.WaitGroup
		errs := make([]error, writers)
		for i := range writers {
			all.Go(func() {
				_, errs[i] = f.Put(t.Context(), "a", f.body(noise(uint64(i), size)), backends.WriteOptions{})
			})
		}
		all.Wait()
		for _, err := range errs {
			require.NoError(t, err)
		}
		got := f.read(t, "a", "", 0, -1)
		var candidates [][]byte
		for i := range writers {
			candidates = append(candidates, noise(uint64(i), size))
		}
		require.Contains(t, candidates, got)
	}},
}

// requireOneWinner races writers of "a", whose condition only the first can meet.
func (f *fixture) requireOneWinner(t *testing.T, lost backends.Kind, opts backends.WriteOptions) {
	t.Helper()
	const writers = 8
	var all sync.WaitGroup
	errs := make([]error, writers)
	for i := range writers {
		all.Go(func() {
			_, errs[i] = f.Put(t.Context(), "a", f.body(noise(uint64(i), 100)), opts)
		})
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "two winners")
			winner = i
		} else {
			requireError(t, err, lost)
		}
	}
	require.NotEqual(t, -1, winner, "no winner: %v", errs)
	f.requireObject(t, "a", noise(uint64(winner), 100))
}
