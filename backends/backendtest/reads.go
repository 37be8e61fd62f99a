package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

var readCases = []testCase{
	{"RangesAtEveryEdge", 0, func(t *testing.T, f *fixture) {
		const size = 10
		data := []byte("0123456789")
		info := f.put(t, "a", data)
		for off := int64(0); off <= size; off++ {
			for n := int64(-1); n <= size+1-off; n++ {
				want := data[off:]
				if n >= 0 {
					want = data[off:min(off+n, size)]
				}
				require.Equal(t, string(want), string(f.read(t, "a", "", off, n)), "%d bytes from %d", n, off)
				require.Equal(t, string(want), string(f.read(t, "a", info.Version, off, n)), "%d bytes from %d, pinned", n, off)
			}
		}
		for _, off := range []int64{size + 1, 1 << 40} {
			for _, n := range []int64{-1, 0, 1} {
				_, _, err := f.ReadRange(t.Context(), "a", "", off, n)
				requireError(t, err, backends.ErrRange)
			}
		}
	}},
	{"ReadOfAnEmptyObject", 0, func(t *testing.T, f *fixture) {
		info := f.put(t, "a", nil)
		require.Empty(t, f.read(t, "a", "", 0, -1))
		require.Empty(t, f.read(t, "a", info.Version, 0, -1))
		require.Empty(t, f.read(t, "a", "", 0, 5))
		_, _, err := f.ReadRange(t.Context(), "a", "", 1, -1)
		requireError(t, err, backends.ErrRange)
	}},
	{"ReadDescribesTheObject", 0, func(t *testing.T, f *fixture) {
		data := noise(1, 3000)
		f.put(t, "a/b", data)
		stat, err := f.Stat(t.Context(), "a/b")
		require.NoError(t, err)
		for _, off := range []int64{0, 1, 2999, 3000} {
			body, info, err := f.ReadRange(t.Context(), "a/b", "", off, -1)
			require.NoError(t, err)
			require.NoError(t, body.Close())
			f.requireInfo(t, info, "a/b", data)
			require.Equal(t, stat.Version, info.Version)
			require.True(t, stat.ModTime.Equal(info.ModTime), "%v is not %v", info.ModTime, stat.ModTime)
		}
	}},
	{"ReadOfWhatIsNotThere", 0, func(t *testing.T, f *fixture) {
		f.requireAbsent(t, "a")
		info := f.put(t, "a", []byte("x"))
		f.delete(t, "a")
		_, _, err := f.ReadRange(t.Context(), "a", info.Version, 0, -1)
		requireError(t, err, backends.ErrChanged, backends.ErrNotExist)
	}},
	{"VersionChangesWithTheBytes", 0, func(t *testing.T, f *fixture) {
		seen := make(map[string]bool)
		for i := range uint64(5) {
			data := noise(i, 100) // of one size, as fast as it goes
			info := f.put(t, "a", data)
			require.False(t, seen[info.Version], "version %q again", info.Version)
			seen[info.Version] = true
			require.Equal(t, info.Version, f.requireObject(t, "a", data).Version)
		}
	}},
	{"PinnedReadOfAReplacedObject", 0, func(t *testing.T, f *fixture) {
		before := f.put(t, "a", noise(1, 100))
		after := f.put(t, "a", noise(2, 100))
		for _, off := range []int64{0, 50, 100} {
			_, _, err := f.ReadRange(t.Context(), "a", before.Version, off, -1)
			requireError(t, err, backends.ErrChanged)
		}
		requireBytes(t, noise(2, 100), f.read(t, "a", after.Version, 0, -1))
	}},
	{"ObjectReplacedInTheMiddleOfARead", 0, func(t *testing.T, f *fixture) {
		const size = 1 << 20
		before := noise(1, size)
		f.put(t, "a", before)
		body, _, err := f.ReadRange(t.Context(), "a", "", 0, -1)
		require.NoError(t, err)
		defer func() { require.NoError(t, body.Close()) }()
		head := make([]byte, 1000)
		_, err = io.ReadFull(body, head)
		require.NoError(t, err)
		f.put(t, "a", noise(2, size))

		rest, err := io.ReadAll(body) // may fail, but never mixes versions
		got := slices.Concat(head, rest)
		require.True(t, bytes.HasPrefix(before, got), "bytes of another version")
		if err == nil {
			require.Len(t, got, size)
		}
	}},
	{"PinnedRangesAtOnce", 0, func(t *testing.T, f *fixture) {
		const ranges, size = 8, 100_000
		data := noise(1, ranges*size)
		info := f.put(t, "a", data)
		var got [ranges][]byte
		var group errgroup.Group
		for i := range ranges {
			group.Go(func() error {
				body, now, err := f.ReadRange(t.Context(), "a", info.Version, int64(i)*size, size)
				if err != nil {
					return err
				}
				got[i], err = io.ReadAll(body)
				if now.Version != info.Version || now.Size != info.Size {
					err = fmt.Errorf("the object is %+v, a range is of %+v", info, now)
				}
				return errors.Join(err, body.Close())
			})
		}
		require.NoError(t, group.Wait())
		requireBytes(t, data, slices.Concat(got[:]...))
	}},
	{"BodyClosedEarly", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a", noise(1, 1<<20))
		for range 3 {
			body, _, err := f.ReadRange(t.Context(), "a", "", 0, -1)
			require.NoError(t, err)
			_, err = io.ReadFull(body, make([]byte, 10))
			require.NoError(t, err)
			require.NoError(t, body.Close())
		}
	}},
}
