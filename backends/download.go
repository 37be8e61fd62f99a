package backends

import (
	"context"
	"io"
	"math/rand/v2"
	"time"
)

const (
	// resumeAttempts is how often a download asks again without getting a byte. With the waits
	// between, a store may be away for some 6 seconds: longer, and a client gives up itself.
	resumeAttempts = 6
	// firstResumeDelay is doubled from attempt to attempt.
	firstResumeDelay = 100 * time.Millisecond
)

// Reader reads an object from an offset to its end, all of one version. If the store breaks off
// it asks for the rest; a Reader ends with io.EOF only where the object does. It is used by one
// goroutine at a time, and must be closed.
type Reader struct {
	store *Store
	ctx   context.Context // of the requests that bodies come from
	info  Info
	off   int64 // of the next byte
	end   int64

	body     io.ReadCloser
	broken   error // how body ended before its time
	attempts int   // to go on, since the last byte
}

// Open begins to read key from byte off, in one request. An off behind the end is ErrRange, one
// at the end reads nothing. ctx bounds the reading too.
func (s *Store) Open(ctx context.Context, key string, off int64) (*Reader, error) {
	if err := s.checkKey("open", key); err != nil {
		return nil, err
	}
	if off < 0 {
		return nil, NewError("open", key, ErrRange, nil)
	}
	return s.open(ctx, key, "", off, -1)
}

// open reads n bytes of a version from off; n < 0 to the end, "" for the current version.
func (s *Store) open(ctx context.Context, key, version string, off, n int64) (*Reader, error) {
	body, info, err := s.driver.ReadRange(ctx, key, version, off, n)
	if err != nil {
		return nil, err
	}
	r := &Reader{store: s, ctx: ctx, info: info, off: off, end: info.Size, body: body}
	if n >= 0 {
		r.end = min(off+n, info.Size)
	}
	return r, nil
}

// Info describes the object that is read.
func (r *Reader) Info() Info { return r.info }

// Close ends the reading.
func (r *Reader) Close() error { return r.body.Close() }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.off == r.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if r.broken != nil {
			if err := r.resume(); err != nil {
				return 0, err
			}
		}
		n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.off)])
		r.off += int64(n)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && r.off < r.end {
			r.broken = err // mended by the next Read
		}
		if n > 0 {
			r.attempts = 0
			return n, nil
		}
		if err == nil {
			return 0, nil
		}
	}
}

// resume asks for the rest of the same version until the store answers.
func (r *Reader) resume() error {
	for {
		switch {
		case r.ctx.Err() != nil:
			return NewError("read", r.info.Key, ErrUnknown, context.Cause(r.ctx))
		case !passing(r.broken) || r.attempts == resumeAttempts:
			return NewError("read", r.info.Key, KindOf(r.broken), r.broken)
		}
		r.attempts++
		r.store.log.DebugContext(r.ctx, "download broke off, asking for the rest", "key", r.info.Key, "offset", r.off, "attempt", r.attempts, "err", r.broken)
		if err := r.wait(); err != nil {
			return err
		}
		body, _, err := r.store.driver.ReadRange(r.ctx, r.info.Key, r.info.Version, r.off, r.end-r.off)
		if err != nil {
			r.broken = err
			continue
		}
		_ = r.body.Close()
		r.body, r.broken = body, nil
		return nil
	}
}

// passing reports whether what failed may succeed when it is tried again.
func passing(err error) bool {
	kind := KindOf(err)
	return kind == ErrUnknown || kind == ErrUnavailable
}

// wait backs off: for half of the delay, and a random part of the other half so that the
// downloads which a store has dropped together do not come back together.
func (r *Reader) wait() error {
	delay := firstResumeDelay << (r.attempts - 1) / 2
	timer := time.NewTimer(delay + rand.N(delay)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-r.ctx.Done():
		return NewError("read", r.info.Key, ErrUnknown, context.Cause(r.ctx))
	}
}

// WriteTo implements io.WriterTo. A body that can write itself does so: from a local file the
// kernel sends the bytes without showing them to us.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if body, ok := r.body.(io.WriterTo); ok {
		n, err := body.WriteTo(w)
		r.off += n
		if err == nil && r.off != r.end {
			err = NewError("read", r.info.Key, ErrUnknown, io.ErrUnexpectedEOF)
		}
		return n, err
	}
	var held holding
	chunk := r.store.memory.first(&held)
	defer func() {
		r.store.memory.recycle(chunk)
		r.store.memory.release(&held)
	}()
	start := r.off
	for {
		n, err := r.Read(chunk[:])
		if n > 0 {
			if _, err := w.Write(chunk[:n]); err != nil {
				return r.off - int64(n) - start, err
			}
		}
		if err != nil {
			if err == io.EOF { //nolint:errorlint // Read returns it bare
				err = nil
			}
			return r.off - start, err
		}
	}
}
