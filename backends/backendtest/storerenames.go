package backendtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

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
	{"RenamesOntoOneNameAtOnce", backends.CapIfAbsent, withStore(func(t *testing.T, s *store) {
		const sources = 8
		only := backends.RenameOptions{IfAbsent: true}
		errs := make([]error, sources)
		var all sync.WaitGroup
		for i := range sources {
			src := s.save(t, fmt.Sprint("from", i), noise(uint64(i), 1000))
			all.Go(func() { errs[i] = s.Rename(t.Context(), src, "to", only) })
		}
		all.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				s.requireObject(t, "to", noise(uint64(i), 1000))
				s.requireAbsent(t, fmt.Sprint("from", i))
			} else {
				requireError(t, err, backends.ErrExist)
				s.requireObject(t, fmt.Sprint("from", i), noise(uint64(i), 1000))
			}
		}
		require.Equal(t, 1, winners)
	})},
	{"RenamesOfOneFileAtOnce", 0, withStore(func(t *testing.T, s *store) {
		const claims = 8
		src := s.save(t, "a", []byte("x"))
		errs := make([]error, claims)
		var all sync.WaitGroup
		for i := range claims {
			all.Go(func() { errs[i] = s.Rename(t.Context(), src, fmt.Sprint("claim", i), backends.RenameOptions{}) })
		}
		all.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				s.requireObject(t, fmt.Sprint("claim", i), []byte("x"))
			} else {
				requireError(t, err, backends.ErrNotExist, backends.ErrChanged)
				s.requireAbsent(t, fmt.Sprint("claim", i))
			}
		}
		require.Equal(t, 1, winners)
		s.requireAbsent(t, "a")
	})},
	{"RenameOfWhatIsReplacedMeanwhile", backends.CapIfVersion, withStore(func(t *testing.T, s *store) {
		src := s.save(t, "a", []byte("before"))
		s.beforeDelete(func() { s.put(t, "a", []byte("after")) })
		require.NoError(t, s.Rename(t.Context(), src, "b", backends.RenameOptions{}))
		s.requireObject(t, "b", []byte("before"))
		if !s.caps.Has(backends.CapMove) {
			s.requireObject(t, "a", []byte("after"))
		}
	})},
	{"RenameAndRemovalAtOnce", 0, withStore(func(t *testing.T, s *store) {
		for range 5 {
			src := s.save(t, "a", []byte("x"))
			var both sync.WaitGroup
			var removed error
			both.Go(func() { removed = s.Remove(t.Context(), "a") })
			err := s.Rename(t.Context(), src, "b", backends.RenameOptions{})
			both.Wait()
			s.requireAbsent(t, "a")
			if err != nil {
				require.NoError(t, removed)
				requireError(t, err, backends.ErrNotExist, backends.ErrChanged)
				s.requireAbsent(t, "b")
				continue
			}
			requireError(t, removed, backends.ErrNotExist)
			s.requireObject(t, "b", []byte("x"))
			require.NoError(t, s.Remove(t.Context(), "b"))
		}
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
	{"RenameFolderCutAnywhereGoesOn", 0, renameCut},
	{"RenameFolderOverwritesNothing", backends.CapIfAbsent, withStore(func(t *testing.T, s *store) {
		ctx := t.Context()
		for _, name := range []string{"1", "2", "3"} {
			s.save(t, "a/"+name, []byte(name))
		}
		s.beforeWrite(func() { s.put(t, "b/2", []byte("another's")) })
		err := s.RenameFolder(ctx, "a", "b")
		if s.caps.Has(backends.CapFolders | backends.CapMove) {
			requireError(t, err, backends.ErrExist) // all or nothing
			s.requireObject(t, "a/2", []byte("2"))
			s.requireObject(t, "b/2", []byte("another's"))
			return
		}
		requireError(t, err, backends.ErrExist)
		require.ErrorContains(t, err, `2 objects moved to "b/", at least 1 left, the first of them "a/2"`)
		s.requireObject(t, "b/2", []byte("another's"))
		s.requireObject(t, "a/2", []byte("2"))
		require.NoError(t, s.Remove(ctx, "b/2"))
		require.NoError(t, s.RenameFolder(ctx, "a", "b"))
		for _, name := range []string{"1", "2", "3"} {
			s.requireObject(t, "b/"+name, []byte(name))
		}
		s.requireNothingUnder(t, "a/")
	})},
	{"RenameFolderLeavesWhatIsReplacedMeanwhile", backends.CapIfVersion, withStore(func(t *testing.T, s *store) {
		for _, name := range []string{"1", "2", "3"} {
			s.save(t, "a/"+name, []byte(name))
		}
		s.beforeDelete(func() { s.put(t, "a/2", []byte("after")) })
		require.NoError(t, s.RenameFolder(t.Context(), "a", "b"))
		for _, name := range []string{"1", "2", "3"} {
			s.requireObject(t, "b/"+name, []byte(name))
		}
		if s.caps&backends.CapMove == 0 {
			s.requireObject(t, "a/2", []byte("after"))
			s.requireAbsent(t, "a/1")
		}
	})},
	{"RenameFolderToANameTooLong", 0, withStore(func(t *testing.T, s *store) {
		if s.caps.Has(backends.CapFolders | backends.CapMove) {
			return // no name below it is looked at
		}
		s.save(t, "a/short", []byte("x"))
		s.save(t, "a/z"+strings.Repeat("/long", 10), []byte("x"))
		dst := strings.TrimSuffix(strings.Repeat("b/", s.limits.MaxKey/2-10), "/")
		requireError(t, s.RenameFolder(t.Context(), "a", dst), backends.ErrInvalid)
		s.requireObject(t, "a/short", []byte("x"))
		s.requireNothingUnder(t, "b/")
		s.requireNothingUnder(t, backends.StatePrefix)
	})},
}

// renameCut kills a process at every point of the rename of a folder, and has another one go on.
func renameCut(t *testing.T, f *fixture) {
	ctx := t.Context()
	files := map[string][]byte{"x": []byte("x"), "sub/y": noise(2, 2000), "sub/z/%": nil}
	for _, loseLast := range []bool{false, true} {
		for calls, more := 0, true; more; calls++ {
			before := f.store(t)
			require.NoError(t, before.MakeFolder(ctx, "a/empty"))
			for name, data := range files {
				before.save(t, "a/"+name, data)
			}
			cut := &cutDriver{Driver: before.recorder.Driver, left: calls, loseLast: loseLast}
			before.recorder.Driver = cut
			err := before.RenameFolder(ctx, "a", "b")
			more = err != nil
			require.Equal(t, err == nil, !cut.hasCut() && (!loseLast || cut.left > 0), "%v", err)

			after := f.store(t)
			if err != nil {
				requireError(t, err, backends.ErrUnavailable)
				if _, gone := after.StatFolder(ctx, "a"); gone == nil || !loseLast {
					require.NoError(t, after.RenameFolder(ctx, "a", "b"), "after %d calls", calls)
				} else if err := after.RenameFolder(ctx, "a", "b"); err != nil {
					requireError(t, err, backends.ErrExist, backends.ErrNotExist) // it had come to its end
				}
			}
			for name, data := range files {
				after.requireObject(t, "b/"+name, data)
			}
			_, err = after.StatFolder(ctx, "b/empty")
			require.NoError(t, err)
			after.requireNothingUnder(t, "a/")
			for _, key := range after.list(t, backends.ListOptions{Prefix: backends.StatePrefix, Recursive: true}, nil) {
				require.True(t, strings.HasSuffix(key, "/"), "%q is left", key)
			}
			f.deleteListed(t)
		}
	}
}

// beforeDelete has then called before the first deletion.
func (s *store) beforeDelete(then func()) {
	s.recorder.Driver = &interposed{Driver: s.recorder.Driver, del: sync.OnceFunc(then), write: func() {}}
}

// beforeWrite has then called before the first copy or move, or the first object that is written.
func (s *store) beforeWrite(then func()) {
	s.recorder.Driver = &interposed{Driver: s.recorder.Driver, del: func() {}, write: sync.OnceFunc(then)}
}

// interposed is a driver that does something before its calls.
type interposed struct {
	backends.Driver
	del, write func()
}

func (d *interposed) Delete(ctx context.Context, targets []backends.Target) error {
	d.del()
	return d.Driver.Delete(ctx, targets)
}

func (d *interposed) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	d.write()
	return d.Driver.Copy(ctx, dst, src, opts)
}

func (d *interposed) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	d.write()
	return d.Driver.Move(ctx, dst, src, opts)
}

func (d *interposed) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	d.write()
	return d.Driver.Put(ctx, key, body, opts)
}
