package backendtest

import (
	"fmt"
	"path"
	"slices"
	"strings"
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
		_, err := s.upload(t, "a", backends.CreateOptions{Metadata: map[string]string{"user": "alice"}}, []byte("x"))
		require.NoError(t, err)
		mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		err = s.SetModTime(t.Context(), "a", mtime)
		if !s.caps.Has(backends.CapCopy) {
			requireError(t, err, backends.ErrUnsupported)
			return
		}
		require.NoError(t, err)
		require.WithinDuration(t, mtime, s.requireObject(t, "a", []byte("x")).ModTime, 0)
		if s.caps.Has(backends.CapMetadata) {
			s.requireMetadata(t, "a", map[string]string{"user": "alice"})
		}
		requireError(t, s.SetModTime(t.Context(), "b", mtime), backends.ErrNotExist)
	})},
}

var folderCases = []testCase{
	{"LongestFolder", 0, withStore(func(t *testing.T, s *store) {
		folder := strings.Repeat(strings.Repeat("n", 99)+"/", s.limits.MaxKey/100+1)[:s.limits.MaxKey-1]
		folder = strings.TrimSuffix(folder, "/")
		require.NoError(t, s.MakeFolder(t.Context(), folder))
		_, err := s.StatFolder(t.Context(), folder)
		require.NoError(t, err)
		require.NoError(t, s.RemoveFolder(t.Context(), folder))
		_, err = s.StatFolder(t.Context(), folder)
		requireError(t, err, backends.ErrNotExist)
		if s.caps.Has(backends.CapFolders) { // those above it are folders of their own
			for folder = path.Dir(folder); folder != "."; folder = path.Dir(folder) {
				require.NoError(t, s.RemoveFolder(t.Context(), folder))
			}
		}
	})},
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
		if s.limits.DeleteBatch >= 2 {
			s.requireCalls(t, "ListPage", "Delete")
		}
		require.NoError(t, s.RemoveFolder(ctx, "a/"))
		_, err = s.StatFolder(ctx, "a")
		requireError(t, err, backends.ErrNotExist)
	})},
	{"RemovalTouchesItsFolderOnly", 0, withStore(func(t *testing.T, s *store) {
		require.NoError(t, s.MakeFolder(t.Context(), "foo"))
		for _, key := range []string{"foobar.txt", "foo.txt", "foobar/x"} {
			s.save(t, key, []byte("x"))
		}
		require.NoError(t, s.RemoveFolder(t.Context(), "foo"))
		requireError(t, s.RemoveFolder(t.Context(), "foo"), backends.ErrNotExist)
		s.requireChildren(t, "", "foo.txt", "foobar.txt", "foobar/")
	})},
	{"HadoopMarkersAreFolders", 0, hadoopMarkers},
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

func hadoopMarkers(t *testing.T, f *fixture) {
	if f.caps.Has(backends.CapFolders) {
		return // a file there
	}
	ctx, s := t.Context(), f.store(t)
	_, err := s.Create(ctx, "x_$folder$", backends.CreateOptions{})
	requireError(t, err, backends.ErrInvalid)

	f.put(t, "a_$folder$", nil)
	_, err = s.StatFolder(ctx, "a")
	require.NoError(t, err)
	s.requireCalls(t, "ListPage", "Stat")
	requireError(t, s.RenameFolder(ctx, "b", "a"), backends.ErrExist)
	require.NoError(t, s.RenameFolder(ctx, "a", "b"))
	_, err = s.StatFolder(ctx, "b")
	require.NoError(t, err)
	_, err = s.StatFolder(ctx, "a")
	requireError(t, err, backends.ErrNotExist)
	require.NoError(t, s.RemoveFolder(ctx, "b"))
	_, err = s.StatFolder(ctx, "b")
	requireError(t, err, backends.ErrNotExist)

	f.put(t, "c_$folder$", nil) // beside other markers, and files
	f.put(t, "c/d_$folder$", nil)
	require.NoError(t, s.MakeFolder(ctx, "c"))
	requireError(t, s.RemoveFolder(ctx, "c"), backends.ErrNotEmpty)
	require.NoError(t, s.RenameFolder(ctx, "c", "e"))
	s.requireChildren(t, "e", "e/d/")
	s.requireChildren(t, "", "e/")
	require.NoError(t, s.RemoveFolder(ctx, "e/d"))
	require.NoError(t, s.RemoveFolder(ctx, "e"))
	s.requireChildren(t, "")
}
