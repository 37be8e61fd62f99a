package backends

import (
	"context"
	"errors"
	"hash"
	"io"
	"time"
)

// maxEmptyReads is how often a reader may return nothing before it counts as broken.
const maxEmptyReads = 100

// Writer is one upload. What fits one part is sent by Commit, in one Put; more is sent in parts
// while the next ones come. Nothing is visible before Commit. Exactly one of Commit or Abort ends
// it. It is used by one goroutine at a time.
type Writer struct {
	store *Store
	key   string
	opts  CreateOptions
	ctx   context.Context // of the whole upload; ends with its first failure, which is its cause

	parent context.Context // that ctx was made of
	cancel context.CancelCauseFunc
	must   conditions // those the driver cannot hold
	write  WriteOptions
	max    int64 // bytes the object can reach

	old    *Info // the object that is continued; nil for none
	kept   int64 // bytes of it
	unread bool  // they are still to be read from the store

	speed  speed   // of the client
	part   *buffer // being filled
	parts  *parts  // those sent; nil as long as all fits one
	spare  int     // how many more may be sent before they are full
	size   int64   // of the object so far
	sum    uint64  // of the same without part, if hasSum
	hasSum bool
	digest hash.Hash // the SHA-256 of the object so far; nil if it is not wanted, or not known
	added  bool      // there are bytes besides the kept ones
	ended  bool
	outrun bool // another was faster, and what was made so far is of no use

	probe [512]byte
}

// Size returns the bytes that the object would have if it were committed now.
func (w *Writer) Size() int64 {
	if w.unread {
		return w.kept
	}
	return w.size
}

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := w.readKept(); err != nil {
		return 0, err
	}
	w.added = true
	return w.add(p)
}

// ReadFrom implements io.ReaderFrom. It reads r straight into the buffers of parts, and not at
// all while the memory is spent. An error of r is returned as it is. Once a part has failed, it
// returns that error before it reads on.
func (w *Writer) ReadFrom(r io.Reader) (int64, error) {
	if err := w.readKept(); err != nil {
		return 0, err
	}
	n, err := w.readAll(r)
	w.added = w.added || n > 0
	return n, err
}

// readKept reads the kept bytes that the store cannot take by itself. It waits for the first use
// of w, so that a client that sends nothing takes no memory.
func (w *Writer) readKept() error {
	if !w.unread {
		return nil
	}
	r, err := w.openKept()
	if err != nil {
		return w.fail(err)
	}
	if r == nil {
		return nil
	}
	defer r.Close() //nolint:errcheck // the bytes have been counted
	if _, err := w.readAll(r); err != nil {
		return w.fail(err)
	}
	w.speed = speed{} // that was the store's
	return nil
}

func (w *Writer) readAll(r io.Reader) (int64, error) {
	var total int64
	for empty := 0; empty < maxEmptyReads; empty++ {
		room, err := w.room()
		if err != nil {
			return total, err
		}
		probing := room == nil
		if probing {
			room = w.probe[:]
		}
		asked := time.Now()
		n, err := r.Read(room)
		w.speed.add(n, time.Since(asked))
		total += int64(n)
		if n > 0 {
			empty = 0
		}
		if !probing {
			w.fill(room, n)
		} else if _, err := w.add(room[:n]); err != nil {
			return total, err
		}
		if err == io.EOF { //nolint:errorlint // an error that wraps it, a TLS stream cut off, is not the end
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
	return total, io.ErrNoProgress
}

// add copies p into parts.
func (w *Writer) add(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		room, err := w.room()
		if err == nil && room == nil {
			err = w.advance()
		}
		if err != nil {
			return n, err
		}
		copied := copy(room, p[n:])
		w.fill(room, copied)
		n += copied
	}
	return n, nil
}

// room returns where the next bytes may be put, after waiting for memory. It returns nil if the
// part is to be sent, and what becomes of it depends on whether there are more: an object of
// just one part is a single Put, and one of just the largest size is not too large.
func (w *Writer) room() ([]byte, error) {
	for {
		if err := w.failure(); err != nil {
			return nil, err
		}
		room, err := w.part.room(w.ctx)
		if err != nil {
			return nil, w.failure()
		}
		if room != nil || w.single() || w.size == w.max {
			return room, nil
		}
		if err := w.advance(); err != nil {
			return nil, err
		}
	}
}

func (w *Writer) fill(room []byte, n int) {
	w.part.fill(room, n)
	if w.digest != nil {
		w.digest.Write(room[:n])
	}
	w.size += int64(n)
}

// single reports whether all of the object is in the part being filled.
func (w *Writer) single() bool { return w.parts == nil && w.write.Base == nil }

// advance sends the part, full or not, and begins the next.
func (w *Writer) advance() error {
	if w.size == w.max {
		return w.fail(NewError("write", w.key, ErrTooLarge, nil))
	}
	if !w.part.full() {
		w.spare--
	}
	if err := w.send(); err != nil {
		return err
	}
	w.begin()
	return nil
}

// begin makes the part that the next bytes go to.
func (w *Writer) begin() {
	size := w.store.plan.size(w.size)
	enough := size
	if w.spare > 0 {
		enough = w.store.plan.enough(size)
	}
	limit := min(size, w.max-w.size)
	w.part = &buffer{
		memory:   w.store.memory,
		checksum: w.store.limits.Checksum,
		limit:    limit,
		enough:   min(enough, limit),
		initial:  w.parts == nil,
		speed:    &w.speed,
	}
	w.speed.forgetHalf()
}

// send hands the part over to be stored.
func (w *Writer) send() error {
	w.startParts()
	w.sum = w.sumWithPart()
	if err := w.parts.put(w.part); err != nil {
		return w.failure()
	}
	return nil
}

// sumWithPart returns the sum of the object so far.
func (w *Writer) sumWithPart() uint64 {
	return w.store.limits.Checksum.Combine(w.sum, w.part.sum, w.part.size)
}

func (w *Writer) startParts() {
	if w.parts == nil {
		w.parts = startParts(w.ctx, w.cancel, w.store.driver, w.key, w.write, w.store.parallelParts)
	}
}

// failure returns why the upload cannot go on: the first error of a part, or the end of the
// context given to Create.
func (w *Writer) failure() error {
	cause := context.Cause(w.ctx)
	if e := (*Error)(nil); cause == nil || errors.As(cause, &e) {
		return cause
	}
	return NewError("upload", w.key, ErrUnknown, cause)
}

// fail ends the upload, so that it cannot be committed without what failed.
func (w *Writer) fail(err error) error {
	w.cancel(err)
	return err
}
