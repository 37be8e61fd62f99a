package backends

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// RenameFolder moves a folder with all that is below it to a name that is free (ErrExist).
// ErrInvalid for a move into itself.
//
// Stores without folders of their own move page by page, the objects of a page in parallel. A record of
// the move is kept meanwhile, so that the same rename goes on where one has failed, in another process
// too. The error then says how much has been moved, and what is the first that was left. No object
// is ever without one of its two names, and none is overwritten: what another writer puts at
// a new name meanwhile stays there, and the object that was to have that name is left (ErrExist).
// What another writer puts below the old name meanwhile is moved, or stays there.
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
	m := newFolderMove(s, src, dst)
	if taken := s.checkFree(ctx, dst); taken != nil {
		if !errors.Is(taken, ErrExist) || !m.resume(ctx) {
			return taken
		}
	}
	return m.run(ctx)
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
