package backends

import (
	"context"
	"errors"
	"slices"
)

// StatFolder tells whether there is a folder: a marker of it, or anything below it. It is one
// request, and on an object store a second one, for a Hadoop marker, where the first finds nothing. Only Key, with a "/" at its end, IsPrefix and, if known, ModTime are set.
func (s *Store) StatFolder(ctx context.Context, folder string) (Info, error) {
	marker, err := s.folderMarker("stat folder", folder)
	if err != nil || marker == "" {
		return Info{IsPrefix: true}, err
	}
	if s.caps.Has(CapFolders) {
		info, err := s.driver.Stat(ctx, marker)
		if err != nil {
			return Info{}, err
		}
		return Info{Key: marker, ModTime: info.ModTime, IsPrefix: true}, nil
	}
	entries, err := s.firstKeys(ctx, marker, 1)
	if err != nil {
		return Info{}, err
	}
	if len(entries) == 0 {
		err := s.checkHadoopFolder(ctx, marker)
		return Info{Key: marker, IsPrefix: true}, err
	}
	info := Info{Key: marker, IsPrefix: true}
	if entries[0].Key == marker {
		info.ModTime = entries[0].ModTime
	}
	return info, nil
}

// firstKeys returns the first keys that begin with prefix, at the most n.
func (s *Store) firstKeys(ctx context.Context, prefix string, n int) ([]Info, error) {
	for opts := (ListOptions{Prefix: prefix, Recursive: true, Max: n}); ; {
		page, err := s.driver.ListPage(ctx, opts)
		if err != nil || len(page.Entries) > 0 || page.Next == "" || page.Next == opts.Token {
			return page.Entries, err
		}
		opts.Token = page.Next
	}
}

// MakeFolder makes a folder, by writing its marker; ErrExist if that is there. It is one
// request. A folder that exists only because of what is below it gets its marker.
func (s *Store) MakeFolder(ctx context.Context, folder string) error {
	marker, err := s.folderMarker("make folder", folder)
	if err != nil {
		return err
	}
	if marker == "" {
		return NewError("make folder", folder, ErrExist, nil)
	}
	opts, err := s.conditional(ctx, marker, conditions{ifAbsent: true})
	if err != nil {
		return err
	}
	empty := buffer{checksum: s.limits.Checksum}
	_, err = s.driver.Put(ctx, marker, empty.body(), opts)
	return err
}

// RemoveFolder removes an empty folder: ErrNotEmpty if anything is below it, ErrNotExist if it
// is not there. It takes two requests, and one more where a Hadoop marker is all there is. On an
// object store the folder around it, if it has no marker and nothing else in it, is then gone too.
func (s *Store) RemoveFolder(ctx context.Context, folder string) error {
	marker, err := s.folderMarker("remove folder", folder)
	if err != nil {
		return err
	}
	if marker == "" {
		return NewError("remove folder", folder, ErrInvalid, errors.New("the root stays"))
	}
	entries, err := s.firstKeys(ctx, marker, 2)
	if err != nil {
		return err
	}
	if len(entries) > 1 || len(entries) == 1 && entries[0].Key != marker {
		return NewError("remove folder", folder, ErrNotEmpty, nil)
	}
	if len(entries) == 0 {
		if err := s.checkHadoopFolder(ctx, marker); err != nil {
			return err
		}
	}
	targets := Targets(marker)
	if hadoop := hadoopMarker(marker); !s.caps.Has(CapFolders) && s.driver.CheckKey(hadoop) == nil {
		targets = Targets(marker, hadoop)
	}
	for batch := range slices.Chunk(targets, s.limits.DeleteBatch) {
		if err := AbsentIsDeleted(s.driver.Delete(ctx, batch)); err != nil {
			return err
		}
	}
	return nil
}
