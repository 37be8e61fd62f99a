package backendtest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var deleteCases = []testCase{
	{"DeleteOne", 0, func(t *testing.T, f *fixture) {
		for _, key := range []string{"a", "b/c", "d % ü + #?&<>", "e/"} {
			f.put(t, key, nil)
			f.delete(t, key)
			f.requireAbsent(t, key)
		}
	}},
	{"DeleteMany", 0, func(t *testing.T, f *fixture) {
		var keys []string
		for i := range 20 {
			keys = append(keys, string(rune('a'+i)))
			f.put(t, keys[i], nil)
		}
		f.put(t, "stays", []byte("x"))
		f.delete(t, keys...)
		require.Equal(t, []string{"stays"}, f.files(t, ""))
	}},
	{"DeleteOfWhatIsAbsent", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a", []byte("x"))
		f.put(t, "foobar", []byte("x"))
		f.deleteAbsent(t, "none")
		f.deleteAbsent(t, "a/below")
		f.deleteAbsent(t, "foo")
		f.deleteAbsent(t, "none/")
		require.NoError(t, f.Delete(t.Context(), nil))
		require.Equal(t, []string{"a", "foobar"}, f.files(t, ""))
		if f.limits.DeleteBatch >= 2 {
			require.NoError(t, backends.AbsentIsDeleted(f.Delete(t.Context(), []backends.Target{{Key: "none"}, {Key: "a"}, {Key: "gone"}})))
			f.requireAbsent(t, "a")
		}
	}},
	{"DeleteOfOneVersion", backends.CapIfVersion, func(t *testing.T, f *fixture) {
		old, other := f.put(t, "a", []byte("old")), f.put(t, "b", []byte("other"))
		now := f.put(t, "a", []byte("now"))
		requireError(t, f.Delete(t.Context(), []backends.Target{{Key: "a", Version: old.Version}}), backends.ErrChanged)
		f.requireObject(t, "a", []byte("now"))
		if f.limits.DeleteBatch >= 2 {
			err := f.Delete(t.Context(), []backends.Target{{Key: "a", Version: old.Version}, {Key: "b", Version: other.Version}})
			requireError(t, err, backends.ErrChanged)
			f.requireAbsent(t, "b")
		}
		require.NoError(t, f.Delete(t.Context(), []backends.Target{{Key: "a", Version: now.Version}}))
		f.requireAbsent(t, "a")
		f.deleteAbsent(t, "a")
		require.NoError(t, backends.AbsentIsDeleted(f.Delete(t.Context(), []backends.Target{{Key: "a", Version: now.Version}})))
	}},
	{"DeleteOfAFullFolder", backends.CapFolders, func(t *testing.T, f *fixture) {
		f.put(t, "full/x", []byte("x"))
		f.put(t, "file", []byte("x"))
		if f.limits.DeleteBatch >= 2 {
			err := f.Delete(t.Context(), []backends.Target{{Key: "full/"}, {Key: "file"}})
			requireError(t, err, backends.ErrNotEmpty)
			f.requireAbsent(t, "file") // the others are removed all the same
		}
		requireError(t, f.Delete(t.Context(), backends.Targets("full/")), backends.ErrNotEmpty)
		f.requireObject(t, "full/x", []byte("x"))
		f.delete(t, "full/x")
		_, err := f.Stat(t.Context(), "full/")
		require.NoError(t, err, "a folder stays when its last file goes")
		f.delete(t, "full/")
	}},
	{"DeleteOfAMarkerKeepsWhatIsBelow", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a/", nil)
		f.put(t, "a/b", []byte("x"))
		if err := f.Delete(t.Context(), backends.Targets("a/")); err != nil {
			requireError(t, err, backends.ErrNotEmpty)
		}
		f.requireObject(t, "a/b", []byte("x"))
	}},
}
