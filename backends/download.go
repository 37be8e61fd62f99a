package backends

import (
	"context"
	"io"
	"time"
)

// Reader reads an object from an offset to its end, all of one version. It begins with one
// request; more join only while the store is slower than the client (readAhead). If the store
// breaks off it asks for the rest; a Reader ends with io.EOF only where the object does. It is
// used by one goroutine at a time, and must be closed.
type Reader struct {
	store *Store
	ctx   context.Context // of the requests that bodies come from
	info  Info
	off   int64 // of the next byte
	end   int64

	plain *stream    // of the next byte; nil while that is of a piece read ahead
	ahead *readAhead // nil for a local body
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
	r := &Reader{store: s, ctx: ctx, info: info, off: off, end: info.Size}
	if n >= 0 {
		r.end = min(off+n, info.Size)
	}
	r.plain = &stream{store: s, ctx: ctx, info: info, off: off, end: r.end, body: body}
	if _, local := body.(io.WriterTo); !local {
		r.ahead = &readAhead{reader: r, width: 1}
	}
	return r, nil
}

// Info describes the object that is read.
func (r *Reader) Info() Info { return r.info }

// Close ends the reading. When it returns, nothing of it goes on.
func (r *Reader) Close() error {
	var err error
	if r.plain != nil {
		err = r.plain.close()
	}
	if r.ahead != nil {
		r.ahead.close()
	}
	return err
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.off == r.end {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if r.ahead == nil {
		n, err := r.plain.Read(p)
		r.off += int64(n)
		return n, err
	}
	r.ahead.watch.asked()
	r.ahead.adjust()
	n, waited, err := r.readNext(p)
	r.off += int64(n)
	r.ahead.watch.answered(n, waited)
	return n, err
}

// readNext reads from what the next byte is of, and says how long the store took for it.
func (r *Reader) readNext(p []byte) (n int, waited time.Duration, err error) {
	if r.plain == nil {
		return r.ahead.read(p)
	}
	n, err = r.plain.Read(p)
	return n, r.plain.waited, err
}

// WriteTo implements io.WriterTo. A body that can write itself does so: from a local file the
// kernel sends the bytes without showing them to us.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	if r.ahead == nil {
		if body, ok := r.plain.body.(io.WriterTo); ok {
			return r.sendLocal(w, body)
		}
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

func (r *Reader) sendLocal(w io.Writer, body io.WriterTo) (int64, error) {
	n, err := body.WriteTo(w)
	r.off += n
	r.plain.off = r.off
	if err == nil && r.off != r.end {
		err = NewError("read", r.info.Key, ErrUnknown, io.ErrUnexpectedEOF)
	}
	return n, err
}
