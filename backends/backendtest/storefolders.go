package backendtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var openCases = []testCase{
	{"OpenAtEveryOffset", 0, withStore(func(t *testing.T, s *store) {
		data := noise(1, 1000)
		info := s.save(t, "a/b", data)
		for _, off := range []int64{0, 1, 999, 1000} {
			s.recorder.Calls()
			requireBytes(t, data[off:], s.load(t, "a/b", off))
			s.requireCalls(t, "ReadRange")
		}
		r, err := s.Open(t.Context(), "a/b", 1)
		require.NoError(t, err)
		require.Equal(t, info.Version, r.Info().Version)
		require.Equal(t, info.Size, r.Info().Size)
		require.NoError(t, r.Close())
		for _, off := range []int64{-1, 1001} {
			_, err := s.Open(t.Context(), "a/b", off)
			requireError(t, err, backends.ErrRange)
		}
		_, err = s.Open(t.Context(), "a", 0)
		requireError(t, err, backends.ErrNotExist)
	})},
	{"RemoveNeedsAnObject", 0, withStore(func(t *testing.T, s *store) {
		s.save(t, "a/b", []byte("x"))
		s.save(t, "foobar", []byte("x"))
		requireError(t, s.Remove(t.Context(), "a"), backends.ErrNotExist)
		requireError(t, s.Remove(t.Context(), "foo"), backends.ErrNotExist)
		s.recorder.Calls()
		require.NoError(t, s.Remove(t.Context(), "a/b"))
		if s.caps.Has(backends.CapTellsAbsent) {
			s.requireCalls(t, "Delete")
		} else {
			s.requireCalls(t, "Stat", "Delete")
		}
		requireError(t, s.Remove(t.Context(), "a/b"), backends.ErrNotExist)
		s.requireObject(t, "foobar", []byte("x"))
	})},
	{"SetModTime", 0, withStore(func(t *testing.T, s *store) {
		s.save(t, "a", []byte("x"))
		mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		err := s.SetModTime(t.Context(), "a", mtime)
		if !s.caps.Has(backends.CapCopy) {
			requireError(t, err, backends.ErrUnsupported)
			return
		}
		require.NoError(t, err)
		require.WithinDuration(t, mtime, s.requireObject(t, "a", []byte("x")).ModTime, 0)
		requireError(t, s.SetModTime(t.Context(), "b", mtime), backends.ErrNotExist)
	})},
}

var folderCases = []testCase{
	{"FoldersAreMadeAndRemoved", 0, withStore(func(t *testing.T, s *store) {
		ctx := t.Context()
		_, err := s.StatFolder(ctx, "a")
		requireError(t, err, backends.ErrNotExist)
		requireError(t, s.RemoveFolder(ctx, "a"), backends.ErrNotExist)
		s.recorder.Calls()

		require.NoError(t, s.MakeFolder(ctx, "a"))
		if s.caps.Has(backends.CapIfAbsent) {
			s.requireCalls(t, "Put")
		}
		requireError(t, s.MakeFolder(ctx, "a"), backends.ErrExist)
		requireError(t, s.MakeFolder(ctx, "a/"), backends.ErrExist)
		requireError(t, s.MakeFolder(ctx, ""), backends.ErrExist)
		require.NoError(t, s.MakeFolder(ctx, "a/b/"))
		s.recorder.Calls()

		for _, name := range []string{"a", "a/", "a/b"} {
			info, err := s.StatFolder(ctx, name)
			require.NoError(t, err)
			require.Equal(t, backends.FolderKey(name), info.Key)
			require.True(t, info.IsPrefix)
			require.Len(t, s.recorder.Calls(), 1)
		}
		requireError(t, s.RemoveFolder(ctx, "a"), backends.ErrNotEmpty)
		requireError(t, s.RemoveFolder(ctx, ""), backends.ErrInvalid)
		s.recorder.Calls()
		require.NoError(t, s.RemoveFolder(ctx, "a/b"))
		s.requireCalls(t, "ListPage", "Delete")
		require.NoError(t, s.RemoveFolder(ctx, "a/"))
		_, err = s.StatFolder(ctx, "a")
		requireError(t, err, backends.ErrNotExist)
	})},
	{"AFolderIsThereWithWhatIsInIt", 0, withStore(func(t *testing.T, s *store) {
		s.save(t, "a/b/c", []byte("x"))
		s.save(t, "ab", []byte("x"))
		for _, name := range []string{"", "a", "a/b"} {
			_, err := s.StatFolder(t.Context(), name)
			require.NoError(t, err)
		}
		for _, name := range []string{"a/b/c", "ab", "a/bc"} {
			_, err := s.StatFolder(t.Context(), name)
			requireError(t, err, backends.ErrNotExist)
			_, err = s.children(t, name)
			requireError(t, err, backends.ErrNotExist)
		}
		for _, name := range []string{"a", "a/b"} {
			_, err := s.Stat(t.Context(), name)
			requireError(t, err, backends.ErrNotExist)
			requireError(t, s.RemoveFolder(t.Context(), name), backends.ErrNotEmpty)
		}
		s.requireObject(t, "a/b/c", []byte("x"))
	})},
	{"ListOfChildren", 0, withStore(func(t *testing.T, s *store) {
		s.requireChildren(t, "")
		require.NoError(t, s.MakeFolder(t.Context(), "d"))
		require.NoError(t, s.MakeFolder(t.Context(), "d/b/c"))
		for _, key := range []string{"d/a", "d/b/c/x", "d/b-", "d/b.d", "d/b0", "e"} {
			s.save(t, key, []byte(key))
		}
		require.NoError(t, s.MakeFolder(t.Context(), "d/empty"))
		s.recorder.Calls()
		s.requireChildren(t, "", "d/", "e")
		s.requireChildren(t, "d", "d/a", "d/b-", "d/b.d", "d/b/", "d/b0", "d/empty/")
		s.requireChildren(t, "d/b/", "d/b/c/")
		s.requireChildren(t, "d/b/c", "d/b/c/x")
		s.requireChildren(t, "d/empty")
		s.requireCalls(t, slices.Repeat([]string{"ListPage"}, 5)...)
	})},
	{"TheStateOfTidegateIsHidden", 0, func(t *testing.T, f *fixture) {
		f.put(t, backends.StatePrefix+"journal/x", []byte("x"))
		f.put(t, "a", []byte("x"))
		f.put(t, "b/.tidegate/c", []byte("a user's own"))
		s := f.store(t)
		s.requireChildren(t, "", "a", "b/")
		s.requireChildren(t, "b", "b/.tidegate/")
		s.requireChildren(t, "b/.tidegate", "b/.tidegate/c")
	}},
	{"AListingBrokenOff", 0, withStore(func(t *testing.T, s *store) {
		for i := range 5 {
			s.save(t, fmt.Sprintf("a/%d", i), nil)
		}
		for info, err := range s.List(t.Context(), "a") {
			require.NoError(t, err)
			require.Equal(t, "a/0", info.Key)
			break
		}
		_, err := s.children(t, "none")
		requireError(t, err, backends.ErrNotExist)
		for _, err := range s.List(ended(t), "a") {
			require.Error(t, err)
		}
	})},
}

var renameCases = []testCase{
	{"Rename", 0, withStore(func(t *testing.T, s *store) {
		data := noise(1, s.part+100)
		s.save(t, "b.txt", []byte("before"))
		for _, dst := range []string{"b.txt", "c/d % ü.pdf", "e"} {
			src := s.save(t, "a.part", data)
			s.recorder.Calls()
			require.NoError(t, s.Rename(t.Context(), src, dst, backends.RenameOptions{}))
			switch calls := s.recorder.Calls(); {
			case s.caps.Has(backends.CapMove):
				require.Equal(t, []string{"Move"}, calls)
			case s.caps.Has(backends.CapCopy):
				require.Equal(t, []string{"Copy", "Delete"}, calls)
			}
			s.requireObject(t, dst, data)
			s.requireAbsent(t, "a.part")
		}
	})},
	{"RenameOfWhatHasChangedOrGone", 0, withStore(func(t *testing.T, s *store) {
		before := s.save(t, "a", []byte("before"))
		s.save(t, "a", []byte("after"))
		requireError(t, s.Rename(t.Context(), before, "b", backends.RenameOptions{}), backends.ErrChanged)
		s.requireObject(t, "a", []byte("after"))
		require.NoError(t, s.Remove(t.Context(), "a"))
		err := s.Rename(t.Context(), backends.Info{Key: "a"}, "b", backends.RenameOptions{})
		requireError(t, err, backends.ErrNotExist)
		s.requireAbsent(t, "b")
	})},
	{"RenameToItselfDoesNothing", 0, withStore(func(t *testing.T, s *store) {
		info := s.save(t, "a", []byte("x"))
		require.NoError(t, s.Rename(t.Context(), info, "a", backends.RenameOptions{}))
		require.NoError(t, s.Rename(t.Context(), backends.Info{Key: "a"}, "a", backends.RenameOptions{IfAbsent: true}))
		require.Equal(t, info.Version, s.requireObject(t, "a", []byte("x")).Version)
	})},
	{"RenameIfAbsent", 0, withStore(func(t *testing.T, s *store) {
		src := s.save(t, "a", []byte("new"))
		s.save(t, "b", []byte("old"))
		only := backends.RenameOptions{IfAbsent: true}
		requireError(t, s.Rename(t.Context(), src, "b", only), backends.ErrExist)
		s.requireObject(t, "a", []byte("new"))
		s.requireObject(t, "b", []byte("old"))
		require.NoError(t, s.Rename(t.Context(), src, "c", only))
		s.requireObject(t, "c", []byte("new"))
		s.requireAbsent(t, "a")
	})},
	{"RenameFolder", 0, withStore(func(t *testing.T, s *store) {
		ctx := t.Context()
		require.NoError(t, s.MakeFolder(ctx, "a/empty"))
		files := map[string][]byte{"x": noise(1, 10), "sub/y": noise(2, s.part+1), "sub/z/%": nil}
		for name, data := range files {
			s.save(t, "a/"+name, data)
		}
		s.save(t, "ab", []byte("not below it"))
		for _, names := range [][2]string{{"a", "b"}, {"b/", "c/d/e/"}, {"c/d/e", "f"}} {
			require.NoError(t, s.RenameFolder(ctx, names[0], names[1]))
			to := backends.FolderKey(names[1])
			for name, data := range files {
				s.requireObject(t, to+name, data)
			}
			_, err := s.StatFolder(ctx, to+"empty")
			require.NoError(t, err)
			s.requireNothingUnder(t, backends.FolderKey(names[0]))
		}
		s.requireObject(t, "ab", []byte("not below it"))
	})},
	{"RenameFolderThatCannotBe", 0, withStore(func(t *testing.T, s *store) {
		ctx := t.Context()
		s.save(t, "a/b/c", []byte("c"))
		s.save(t, "taken/x", []byte("x"))
		s.save(t, "file", []byte("f"))
		requireError(t, s.RenameFolder(ctx, "none", "new"), backends.ErrNotExist)
		requireError(t, s.RenameFolder(ctx, "none", "none"), backends.ErrNotExist)
		requireError(t, s.RenameFolder(ctx, "a", "a/b/inside"), backends.ErrInvalid)
		requireError(t, s.RenameFolder(ctx, "", "new"), backends.ErrInvalid)
		requireError(t, s.RenameFolder(ctx, "a", ""), backends.ErrInvalid)
		requireError(t, s.RenameFolder(ctx, "a", "taken"), backends.ErrExist)
		requireError(t, s.RenameFolder(ctx, "a", "file"), backends.ErrExist)
		requireError(t, s.RenameFolder(ctx, "a/b", "a"), backends.ErrExist)
		require.NoError(t, s.RenameFolder(ctx, "a", "a/"))
		s.requireObject(t, "a/b/c", []byte("c"))
		s.requireObject(t, "taken/x", []byte("x"))
		s.requireObject(t, "file", []byte("f"))
	})},
}
