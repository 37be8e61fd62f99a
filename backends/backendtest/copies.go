package backendtest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var copyCases = []testCase{
	{"Copy", backends.CapCopy, func(t *testing.T, f *fixture) {
		data := noise(1, 3000)
		src := f.put(t, "a/from", data)
		f.put(t, "c", []byte("before"))
		for _, dst := range []string{"b", "c", "d/e/f", "a/from it % ü + #?&"} {
			info, err := f.Copy(t.Context(), dst, src, backends.WriteOptions{})
			require.NoError(t, err)
			f.requireInfo(t, info, dst, data)
			f.requireObject(t, dst, data)
		}
		_, err := f.Copy(t.Context(), "e", backends.Info{Key: "a/from"}, backends.WriteOptions{}) // whatever is current
		require.NoError(t, err)
		f.requireObject(t, "e", data)
		require.Equal(t, src.Version, f.requireObject(t, "a/from", data).Version)
	}},
	{"CopyOfAnEmptyObjectAndAMarker", backends.CapCopy, func(t *testing.T, f *fixture) {
		for _, names := range [][2]string{{"a", "b"}, {"f/", "g/"}} {
			src := f.put(t, names[0], nil)
			_, err := f.Copy(t.Context(), names[1], src, backends.WriteOptions{})
			require.NoError(t, err)
			_, err = f.Stat(t.Context(), names[1])
			require.NoError(t, err)
		}
	}},
	{"CopyOfExactlyAVersion", backends.CapCopy, func(t *testing.T, f *fixture) {
		before := f.put(t, "a", noise(1, 100))
		f.put(t, "a", noise(2, 100))
		_, err := f.Copy(t.Context(), "b", before, backends.WriteOptions{})
		requireError(t, err, backends.ErrChanged)
		f.delete(t, "a")
		_, err = f.Copy(t.Context(), "b", before, backends.WriteOptions{})
		requireError(t, err, backends.ErrNotExist)
		f.requireAbsent(t, "b")
	}},
	{"CopyKeepsWhatItIsNotToldToChange", backends.CapCopy, func(t *testing.T, f *fixture) {
		data, mtime := []byte("data"), time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		src, err := f.Put(t.Context(), "a", f.body(data), backends.WriteOptions{ModTime: mtime})
		require.NoError(t, err)
		for _, opts := range []backends.WriteOptions{{}, {ContentType: "text/plain"}} {
			_, err = f.Copy(t.Context(), "b", src, opts)
			require.NoError(t, err)
			require.WithinDuration(t, mtime, f.requireObject(t, "b", data).ModTime, 0)
		}
	}},
	{"CopyOntoItselfSetsModTime", backends.CapCopy, func(t *testing.T, f *fixture) {
		data := noise(1, 3000)
		info := f.put(t, "a", data)
		for year := 2001; year < 2004; year++ {
			mtime := time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC)
			var err error
			info, err = f.Copy(t.Context(), "a", info, backends.WriteOptions{ModTime: mtime})
			require.NoError(t, err)
			got := f.requireObject(t, "a", data)
			require.WithinDuration(t, mtime, got.ModTime, 0)
			require.Equal(t, info.Version, got.Version)
		}
	}},
	{"CopyIfAbsent", backends.CapCopy | backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		src := f.put(t, "a", []byte("new"))
		f.put(t, "b", []byte("old"))
		_, err := f.Copy(t.Context(), "b", src, backends.WriteOptions{IfAbsent: true})
		requireError(t, err, backends.ErrExist)
		f.requireObject(t, "b", []byte("old"))
		_, err = f.Copy(t.Context(), "c", src, backends.WriteOptions{IfAbsent: true})
		require.NoError(t, err)
		f.requireObject(t, "c", []byte("new"))
	}},
	{"CopyIfVersion", backends.CapCopy | backends.CapIfVersion, func(t *testing.T, f *fixture) {
		src := f.put(t, "a", []byte("new"))
		stale := f.put(t, "b", []byte("old"))
		current := f.put(t, "b", []byte("older"))
		_, err := f.Copy(t.Context(), "b", src, backends.WriteOptions{IfVersion: stale.Version})
		requireError(t, err, backends.ErrChanged)
		f.requireObject(t, "b", []byte("older"))
		_, err = f.Copy(t.Context(), "b", src, backends.WriteOptions{IfVersion: current.Version})
		require.NoError(t, err)
		f.requireObject(t, "b", []byte("new"))
	}},
	{"Move", backends.CapMove, func(t *testing.T, f *fixture) {
		f.put(t, "b", []byte("before"))
		for _, dst := range []string{"b", "c/d", "e % ü + #?&"} {
			data := noise(uint64(len(dst)), 3000)
			src := f.put(t, "a", data)
			info, err := f.Move(t.Context(), dst, src, backends.WriteOptions{})
			require.NoError(t, err)
			f.requireInfo(t, info, dst, data)
			f.requireObject(t, dst, data)
			f.requireAbsent(t, "a")
		}
	}},
	{"MoveOfExactlyAVersion", backends.CapMove, func(t *testing.T, f *fixture) {
		before := f.put(t, "a", noise(1, 100))
		f.put(t, "a", noise(2, 100))
		_, err := f.Move(t.Context(), "b", before, backends.WriteOptions{})
		requireError(t, err, backends.ErrChanged)
		f.requireObject(t, "a", noise(2, 100))
		f.delete(t, "a")
		_, err = f.Move(t.Context(), "b", before, backends.WriteOptions{})
		requireError(t, err, backends.ErrNotExist)
		f.requireAbsent(t, "b")
	}},
	{"MoveIfAbsent", backends.CapMove | backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		src := f.put(t, "a", []byte("new"))
		f.put(t, "b", []byte("old"))
		_, err := f.Move(t.Context(), "b", src, backends.WriteOptions{IfAbsent: true})
		requireError(t, err, backends.ErrExist)
		f.requireObject(t, "a", []byte("new"))
		f.requireObject(t, "b", []byte("old"))
		_, err = f.Move(t.Context(), "c", src, backends.WriteOptions{IfAbsent: true})
		require.NoError(t, err)
		f.requireObject(t, "c", []byte("new"))
		f.requireAbsent(t, "a")
	}},
	{"MoveOfAFolder", backends.CapMove | backends.CapFolders, func(t *testing.T, f *fixture) {
		f.put(t, "a/b/c", []byte("c"))
		f.put(t, "a/d", []byte("d"))
		f.put(t, "taken/", nil)
		src, err := f.Stat(t.Context(), "a/")
		require.NoError(t, err)
		_, err = f.Move(t.Context(), "taken/", src, backends.WriteOptions{})
		requireError(t, err, backends.ErrExist)
		_, err = f.Move(t.Context(), "a/b/inside/", src, backends.WriteOptions{})
		requireError(t, err, backends.ErrInvalid)
		_, err = f.Move(t.Context(), "x/y/", src, backends.WriteOptions{})
		require.NoError(t, err)
		f.requireObject(t, "x/y/b/c", []byte("c"))
		f.requireObject(t, "x/y/d", []byte("d"))
		f.requireNothingUnder(t, "a/")
	}},
}
