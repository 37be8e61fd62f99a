package backends

import "io"

// piece is a range of an object that is read into memory, and out of it while more still comes in.
type piece struct {
	memory *Memory
	held   holding
	end    int64 // its last byte is the one before

	filled chan arrived // there is room for all of it, so that its request never waits for the client
	err    error        // why there is no more; set before filled is closed
	now    arrived      // being read
}

// arrived is a chunk, and those bytes in it that are still to be read.
type arrived struct {
	chunk *chunk
	bytes []byte
}

// newPiece returns one from off to end, or nil if there is no memory for it.
func newPiece(m *Memory, off, end int64) *piece {
	chunks := (end - off + chunkSize - 1) / chunkSize
	p := &piece{memory: m, end: end}
	if !m.ahead(&p.held, chunks*chunkSize) {
		return nil
	}
	p.filled = make(chan arrived, chunks)
	return p
}

// fetch fills p from s.
func (p *piece) fetch(s *stream) {
	defer close(p.filled)
	defer s.close() //nolint:errcheck // the bytes have been counted
	for s.off < s.end && p.err == nil {
		c := p.memory.chunk()
		var n int
		n, p.err = io.ReadFull(s, c[:min(chunkSize, s.end-s.off)])
		p.filled <- arrived{c, c[:n]}
	}
}

// Read implements io.Reader up to the last byte; nobody asks for more. It waits for bytes of
// the store, and returns the store's error where they end too early.
func (p *piece) Read(b []byte) (int, error) {
	for len(p.now.bytes) == 0 {
		p.recycle()
		next, more := <-p.filled
		if !more {
			return 0, p.err
		}
		p.now = next
	}
	n := copy(b, p.now.bytes)
	p.now.bytes = p.now.bytes[n:]
	return n, nil
}

// release gives the memory back when fetch has ended, for which it waits.
func (p *piece) release() {
	p.recycle()
	for p.now = range p.filled {
		p.recycle()
	}
	p.memory.release(&p.held)
}

// recycle gives back the chunk that has been read.
func (p *piece) recycle() {
	if p.now.chunk != nil {
		p.memory.recycle(p.now.chunk)
		p.now = arrived{}
	}
}
