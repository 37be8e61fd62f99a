package backends

import (
	"context"
	"errors"
	"mime"
	"path"
)

// RenameOptions says what holds of a Rename.
type RenameOptions struct {
	IfAbsent bool // ErrExist if the new name is taken, instead of replacing what it holds
}

// Rename moves the object src, as Stat or List described it, to dst. Where the store has no move
// of its own it is a copy and then a deletion: two requests. In between both names hold the
// object; what another writes to src just then stays there, if the store can delete by version.
// Of several that rename or remove the object through this process at once, one does, and the
// others find it gone: to claim a file by renaming it is an old custom of FTP.
// ErrChanged if src is no longer the current version. A rename to its own name does nothing.
func (s *Store) Rename(ctx context.Context, src Info, dst string, opts RenameOptions) error {
	if err := errors.Join(s.checkKey("rename", src.Key), s.checkKey("rename", dst), s.checkNewName("rename", dst)); err != nil {
		return err
	}
	if src.Version == "" {
		var err error
		if src, err = s.driver.Stat(ctx, src.Key); err != nil {
			return err
		}
	}
	if dst == src.Key {
		return nil
	}
	unlock, err := s.taken.Lock(ctx, src.Key)
	if err != nil {
		return NewError("rename", src.Key, ErrUnknown, err)
	}
	defer unlock()
	if !s.caps.Has(CapMove) {
		if err := s.copy(ctx, src, dst, opts.IfAbsent); err != nil {
			return err
		}
		return s.deleteAll(ctx, []Target{s.target(src)})
	}
	write, err := s.conditional(ctx, dst, conditions{ifAbsent: opts.IfAbsent})
	if err != nil {
		return err
	}
	write.ContentType = newType(src.Key, dst)
	_, err = s.driver.Move(ctx, dst, src, write)
	return err
}

// newType returns the content type that an object gets by its new name, "" if it keeps its own:
// "report.pdf.part" becomes a PDF when it is renamed.
func newType(from, to string) string {
	if after := contentType(to); after != contentType(from) {
		return after
	}
	return ""
}

// contentType guesses by the name; "" for unknown.
func contentType(key string) string { return mime.TypeByExtension(path.Ext(key)) }

// copy makes dst a copy of exactly src: inside the store, or through the upload engine where
// that is not possible.
func (s *Store) copy(ctx context.Context, src Info, dst string, ifAbsent bool) error {
	if !s.caps.Has(CapCopy) {
		return s.copyThrough(ctx, src, dst, ifAbsent)
	}
	write, err := s.conditional(ctx, dst, conditions{ifAbsent: ifAbsent})
	if err != nil {
		return err
	}
	write.ContentType = newType(src.Key, dst)
	_, err = s.copyInside(ctx, dst, src, write)
	return err
}

// copyInside is the driver's Copy, and ends what a failed one leaves.
func (s *Store) copyInside(ctx context.Context, dst string, src Info, opts WriteOptions) (Info, error) {
	info, err := s.driver.Copy(ctx, dst, src, opts)
	if left := unended(err); left != nil {
		s.cleaner.add(dst, left, err)
	}
	return info, err
}

func (s *Store) copyThrough(ctx context.Context, src Info, dst string, ifAbsent bool) error {
	r, err := s.open(ctx, src.Key, src.Version, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // the bytes have been counted
	w := s.newWriter(ctx, dst, CreateOptions{Metadata: r.Info().Metadata}, conditions{ifAbsent: ifAbsent})
	w.write.ModTime = r.Info().ModTime
	if _, err = w.ReadFrom(r); err != nil {
		return errors.Join(err, w.Abort(ctx))
	}
	_, err = w.Commit(ctx)
	return err
}
