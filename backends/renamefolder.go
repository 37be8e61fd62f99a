package backends

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// folderParallel is how many requests of a folder's rename are under way at once: the time of
// each is mostly waiting, and a store takes as many from one client without throttling it.
const folderParallel = 16

// RenameFolder moves a folder with all that is below it to a name that is free (ErrExist).
// ErrInvalid for a move into itself.
//
// Stores without folders of their own move page by page: each object of a page is copied, then
// the originals are deleted. If a copy fails, those of its page are taken back, and the error
// says how many objects had been moved before; no object is ever without one of its two names.
func (s *Store) RenameFolder(ctx context.Context, from, to string) error {
	src, err := s.folderMarker("rename folder", from)
	if err != nil {
		return err
	}
	dst, err := s.folderMarker("rename folder", to)
	switch {
	case err != nil:
		return err
	case src == "" || dst == "" || dst != src && strings.HasPrefix(dst, src):
		return NewError("rename folder", from, ErrInvalid, fmt.Errorf("into itself, %q", to))
	}
	if s.caps.Has(CapFolders | CapMove) {
		info, err := s.driver.Stat(ctx, src)
		if err == nil && dst != src {
			_, err = s.driver.Move(ctx, dst, info, WriteOptions{})
		}
		return err
	}
	if dst == src {
		_, err := s.StatFolder(ctx, src)
		return err
	}
	if err := s.checkFree(ctx, dst); err != nil {
		return err
	}
	m := folderMove{store: s, src: src, dst: dst}
	if err := m.run(ctx); err != nil {
		return NewError("rename folder", from, KindOf(err), fmt.Errorf("%d objects moved to %q, the others left: %w", m.moved, to, err))
	}
	return nil
}

// checkFree returns ErrExist if there is a folder or an object of this name.
func (s *Store) checkFree(ctx context.Context, marker string) error {
	_, folderErr := s.StatFolder(ctx, marker)
	_, objectErr := s.driver.Stat(ctx, strings.TrimSuffix(marker, "/"))
	for _, err := range []error{folderErr, objectErr} {
		if err == nil {
			return NewError("rename folder", marker, ErrExist, nil)
		}
		if !errors.Is(err, ErrNotExist) {
			return err
		}
	}
	return nil
}

// folderMove is one rename of a folder, object by object.
type folderMove struct {
	store    *Store
	src, dst string
	markers  []Target // of src and the folders in it; deleted when they are empty
	moved    int      // objects that have only their new name
}

func (m *folderMove) run(ctx context.Context) error {
	for page, err := range m.store.pages(ctx, ListOptions{Prefix: m.src, Recursive: true}) {
		if err != nil {
			return err
		}
		if err := m.movePage(ctx, page.Entries); err != nil {
			return err
		}
	}
	if m.moved == 0 && len(m.markers) == 0 {
		return NewError("list", m.src, ErrNotExist, nil)
	}
	slices.Reverse(m.markers) // what is inside first: a disk refuses to delete a full folder
	return m.deleteInOrder(ctx, m.markers)
}

func (m *folderMove) movePage(ctx context.Context, entries []Info) error {
	if err := m.copyAll(ctx, entries); err != nil {
		return err
	}
	var originals []Target
	for _, info := range entries {
		if info.IsMarker() {
			m.markers = append(m.markers, Target{Key: info.Key})
		} else {
			originals = append(originals, m.store.target(info))
		}
	}
	if err := m.store.deleteAll(ctx, originals); err != nil {
		return err
	}
	m.moved += len(originals)
	return nil
}

// copyAll copies a page; if one copy fails it takes back the others.
func (m *folderMove) copyAll(ctx context.Context, entries []Info) error {
	var (
		mu     sync.Mutex
		copies []Target
	)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(folderParallel)
	for _, info := range entries {
		group.Go(func() error {
			key := m.dst + info.Key[len(m.src):]
			if err := m.copyOne(groupCtx, info, key); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			copies = append(copies, Target{Key: key})
			return nil
		})
	}
	err := group.Wait()
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	slices.SortFunc(copies, func(a, b Target) int { return strings.Compare(b.Key, a.Key) })
	return errors.Join(err, m.deleteInOrder(ctx, copies))
}

func (m *folderMove) copyOne(ctx context.Context, info Info, key string) error {
	if err := m.store.driver.CheckKey(key); err != nil {
		return err
	}
	if info.IsMarker() && !m.store.caps.Has(CapCopy) {
		empty := buffer{checksum: m.store.limits.Checksum}
		_, err := m.store.driver.Put(ctx, key, empty.body(), WriteOptions{})
		return err
	}
	return m.store.copy(ctx, info, key, false)
}

// deleteAll deletes targets in batches, several at once. Those that are gone already are no error.
func (s *Store) deleteAll(ctx context.Context, targets []Target) error {
	var group errgroup.Group
	group.SetLimit(folderParallel)
	for batch := range slices.Chunk(targets, s.limits.DeleteBatch) {
		group.Go(func() error { return AbsentIsDeleted(s.driver.Delete(ctx, batch)) })
	}
	return group.Wait()
}

// deleteInOrder deletes targets in batches, one after the other.
func (m *folderMove) deleteInOrder(ctx context.Context, targets []Target) error {
	for batch := range slices.Chunk(targets, m.store.limits.DeleteBatch) {
		if err := AbsentIsDeleted(m.store.driver.Delete(ctx, batch)); err != nil {
			return err
		}
	}
	return nil
}

// AbsentIsDeleted returns what of the error of a Driver.Delete is not about objects that were gone before.
func AbsentIsDeleted(err error) error {
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only what Delete has joined itself
	if e := (*Error)(nil); err == nil || !ok || errors.As(err, &e) && error(e) == err {
		if errors.Is(err, ErrNotExist) {
			return nil
		}
		return err
	}
	var left []error
	for _, one := range joined.Unwrap() {
		left = append(left, AbsentIsDeleted(one))
	}
	return errors.Join(left...)
}
