package backends

import (
	"context"
	"errors"
	"io"
)

// buffer is the bytes of one part: a list of chunks, which grows without copying.
type buffer struct {
	memory   *Memory
	checksum Checksum
	held     holding
	limit    int64  // bytes it may grow to
	enough   int64  // bytes with which it is sent rather than waiting for memory; at most limit
	initial  bool   // of the first part of a transfer
	speed    *speed // of the client that fills it

	chunks []*chunk
	size   int64
	sum    uint64
}

func (b *buffer) full() bool { return b.size == b.limit }

// room returns where the next bytes may be put. It waits for memory. It returns nil if b is to
// be sent before there are more: it is full, or it is enough and memory is short.
func (b *buffer) room(ctx context.Context) ([]byte, error) {
	used := int(b.size % chunkSize)
	if used == 0 && int64(len(b.chunks))*chunkSize == b.size && !b.full() {
		c, err := b.more(ctx)
		if c == nil {
			return nil, err
		}
		b.chunks = append(b.chunks, c)
	}
	if b.full() {
		return nil, nil
	}
	last := b.chunks[len(b.chunks)-1]
	return last[used:min(chunkSize, int64(used)+b.limit-b.size)], nil
}

func (b *buffer) more(ctx context.Context) (*chunk, error) {
	if b.initial && len(b.chunks) == 0 {
		return b.memory.first(&b.held), nil
	}
	return b.memory.next(ctx, &b.held, demand{
		need:  max(b.enough-b.size, 0),
		first: b.initial,
		pace:  b.speed.pace(b.limit - b.size),
	})
}

// fill says that the first n bytes of room were put there.
func (b *buffer) fill(room []byte, n int) {
	b.sum = b.checksum.Update(b.sum, room[:n])
	b.size += int64(n)
}

// release gives the memory back; a second time it does nothing.
func (b *buffer) release() {
	for _, c := range b.chunks {
		b.memory.recycle(c)
	}
	b.chunks = nil
	b.memory.release(&b.held)
}

func (b *buffer) body() Body {
	return Body{ReadSeeker: &bufferReader{chunks: b.chunks, size: b.size}, Size: b.size, Sum: b.sum}
}

// bufferReader reads a buffer that is no longer filled.
type bufferReader struct {
	chunks []*chunk
	size   int64
	off    int64
}

// next returns the bytes from off to the end of their chunk.
func (r *bufferReader) next() []byte {
	within := r.off % chunkSize
	return r.chunks[r.off/chunkSize][within:min(chunkSize, within+r.size-r.off)]
}

// Read implements io.Reader.
func (r *bufferReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.off >= r.size {
		return 0, io.EOF
	}
	n := copy(p, r.next())
	r.off += int64(n)
	return n, nil
}

// WriteTo implements io.WriterTo, so that chunks go to the store without another copy.
func (r *bufferReader) WriteTo(w io.Writer) (int64, error) {
	var total int64
	for r.off < r.size {
		n, err := w.Write(r.next())
		r.off += int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Seek implements io.Seeker.
func (r *bufferReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.off
	case io.SeekEnd:
		offset += r.size
	default:
		return 0, errors.New("seek: unknown whence")
	}
	if offset < 0 {
		return 0, errors.New("seek: before the beginning")
	}
	r.off = offset
	return offset, nil
}
