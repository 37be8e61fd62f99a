package backends

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// CreateOptions says how an upload relates to what its key holds now.
type CreateOptions struct {
	Offset   int64 // keep this many leading bytes and write behind them; 0 writes all anew
	Append   bool  // keep all bytes and write behind them. An Offset above 0 counts instead
	IfAbsent bool  // ErrExist, at the latest at Commit, if the key is taken
	SizeHint int64 // bytes that will be written; 0 if unknown. Only a hint, but one that cannot fit is refused

	// Metadata is kept with the object where the store has CapMetadata, and else not. Of the
	// metadata of an object that is continued nothing is kept.
	Metadata     map[string]string
	Tags         map[string]string // ErrUnsupported without CapTags
	StorageClass string            // ErrUnsupported without CapStorageClass

	// SHA256 computes the SHA-256 of the object as it is written, at 1.7 GB/s of a processor,
	// and keeps it as MetaSHA256. There is none if bytes are kept that the store takes by itself.
	SHA256 bool
}

// Create begins an upload to key. ctx bounds the whole of it.
//
// It makes no request, but for one to look at the object that is to be continued. The kept
// bytes are then taken inside the store where it can do that, or else read and written again.
// Offset behind the end is ErrRange; Append to what is absent creates it. If the object is
// changed by another before Commit, that is ErrChanged and the other's bytes stay.
//
// ErrTooLarge is returned for an object larger than the store holds, or than its number of
// parts allows with parts that fit the memory (NewMemory); here if SizeHint tells, else once
// that many bytes were written.
//
// With Append several Writers may be at work on one object, here and in other processes. What
// each has added is then in it once, in the order of their Commits. ErrChanged if so much was
// added that a part of it had been sent by the time that another writer was faster.
func (s *Store) Create(ctx context.Context, key string, opts CreateOptions) (*Writer, error) {
	if err := s.checkKey("create", key); err != nil {
		return nil, err
	}
	if opts.Offset < 0 {
		return nil, NewError("create", key, ErrRange, nil)
	}
	if err := s.checkCreate(key, opts); err != nil {
		return nil, err
	}
	if opts.Offset == 0 && !opts.Append {
		return s.newWriter(ctx, key, opts, conditions{ifAbsent: opts.IfAbsent}).expecting(opts.SizeHint)
	}
	old, err := s.driver.Stat(ctx, key)
	switch {
	case errors.Is(err, ErrNotExist) && opts.Offset > 0:
		return nil, NewError("create", key, ErrRange, err)
	case errors.Is(err, ErrNotExist):
		return s.newWriter(ctx, key, opts, conditions{ifAbsent: true}).expecting(opts.SizeHint)
	case err != nil:
		return nil, err
	case opts.IfAbsent:
		return nil, NewError("create", key, ErrExist, nil)
	case opts.Offset > old.Size:
		return nil, NewError("create", key, ErrRange, fmt.Errorf("%d bytes of %d", opts.Offset, old.Size))
	}
	w := s.newWriter(ctx, key, opts, conditions{ifVersion: old.Version})
	if opts.Offset > 0 {
		w.keep(old, opts.Offset)
	} else {
		w.keep(old, old.Size)
	}
	return w.expecting(opts.SizeHint)
}

// checkCreate refuses what the store could not do with the object.
func (s *Store) checkCreate(key string, opts CreateOptions) error {
	switch {
	case len(opts.Tags) > 0 && !s.caps.Has(CapTags):
		return NewError("create", key, ErrUnsupported, errors.New("the store has no tags"))
	case opts.StorageClass != "" && !s.caps.Has(CapStorageClass):
		return NewError("create", key, ErrUnsupported, errors.New("the store has no storage classes"))
	}
	return s.checkNewName("create", key)
}

// checkNewName refuses the names of Hadoop markers: the folder's removal would remove a file too.
func (s *Store) checkNewName(op, key string) error {
	if !s.caps.Has(CapFolders) && strings.HasSuffix(key, hadoopSuffix) {
		return NewError(op, key, ErrInvalid, errors.New("the name marks a folder"))
	}
	return nil
}

// newWriter returns a Writer of a whole new object.
func (s *Store) newWriter(ctx context.Context, key string, opts CreateOptions, must conditions) *Writer {
	w := &Writer{
		store: s, key: key, parent: ctx, opts: opts,
		max: s.plan.reach, spare: s.plan.spare, hasSum: s.limits.Checksum != NoChecksum,
	}
	w.must, w.write = s.divide(must)
	w.write.ContentType = contentType(key)
	w.write.Tags, w.write.StorageClass = opts.Tags, opts.StorageClass
	if s.caps.Has(CapMetadata) {
		w.write.Metadata = opts.Metadata
	}
	if opts.SHA256 {
		w.digest = sha256.New()
	}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.begin()
	return w
}

// keep makes w continue the first size bytes of old.
func (w *Writer) keep(old Info, size int64) {
	s := w.store
	w.old, w.kept = &old, size
	left := int64(s.plan.maxParts) - (size-1)/s.limits.MaxPart - 1 // a store may count those of the base
	if size == 0 || size < s.limits.MinBase || left < 1 || !s.takes(size, old) {
		w.unread = size > 0
		return
	}
	w.write.Base, w.write.BaseSize = &old, size
	w.size, w.max = size, s.plan.end(size, int(left))
	w.digest = nil
	w.sum, w.hasSum = old.Sum, w.hasSum && old.HasSum && size == old.Size
	w.begin()
}

// takes reports whether the store itself can begin an object with the first size bytes of old.
func (s *Store) takes(size int64, old Info) bool {
	return s.caps.Has(CapBase) && (size == old.Size || s.caps.Has(CapBasePart))
}

// expecting refuses a number of further bytes that cannot fit.
func (w *Writer) expecting(hint int64) (*Writer, error) {
	if hint > w.max-w.Size() {
		w.cancel(nil)
		return nil, NewError("create", w.key, ErrTooLarge, fmt.Errorf("%d bytes are announced, %d would fit", hint, w.max-w.Size()))
	}
	return w, nil
}
