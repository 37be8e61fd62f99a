package backends

import (
	"context"
	"slices"
	"sync"
)

const (
	// chunkSize is the unit of all buffers: a socket is read by it, and a small file costs no
	// more than it needs.
	chunkSize = 64 << 10

	// DefaultMemory is the budget of a Store that is given none.
	DefaultMemory = 256 << 20

	// MinMemory is the least budget: a quarter of it, the largest part, still is a first part.
	MinMemory = 4 * defaultPartSize

	// smallObject is how far the first part of an upload may grow in the share that is kept
	// for small objects, so that they do not queue behind large ones.
	smallObject = 512 << 10
)

// Memory is a budget for the buffers of all transfers of all stores that share it. When it is
// spent, transfers wait for each other, and do not read their sockets meanwhile.
//
// It cannot deadlock, and no one starves:
//   - The first chunk of a transfer is always granted, beyond the budget if need be.
//   - A quarter is for the first 512 KiB of each upload, chunk by chunk.
//   - Of the rest, parts take chunk after chunk as long as a part of the largest size stays
//     free. That reserve is lent in turn, always as much as one part still lacks to be full.
//     So whoever was lent it can fill its part, send it and give all of it back; those who
//     wait never hold so much that the next in turn could not be served.
type Memory struct {
	largest int64     // bytes of the largest part: a quarter of the budget
	pool    sync.Pool // of *chunk; the collector empties it when the load is over

	mu        sync.Mutex
	smallFree int64     // below zero when first chunks go beyond the budget
	partsFree int64     // never below zero
	turns     []*waiter // in the order of arrival
}

// chunk is a piece of a buffer.
type chunk [chunkSize]byte

// waiter waits for its turn to fill up a part.
type waiter struct {
	need    int64
	granted chan struct{}
}

// NewMemory returns a budget of so many bytes, at least MinMemory. The largest object that a
// store with 10,000 parts can take is about 2,300 times the budget: 584 GiB with 256 MiB.
func NewMemory(bytes int64) *Memory { return newMemory(max(bytes, MinMemory)) }

func newMemory(bytes int64) *Memory {
	quarter := bytes / 4 / chunkSize * chunkSize
	return &Memory{
		largest:   quarter,
		pool:      sync.Pool{New: func() any { return new(chunk) }},
		smallFree: quarter,
		partsFree: bytes - quarter,
	}
}

// holding is what one part has of a Memory.
type holding struct {
	small int64 // bytes of the share for small objects
	parts int64 // bytes of the share for parts, with what is lent
	lent  int64 // bytes that may be used without asking
}

// first takes the first chunk of a transfer.
func (m *Memory) first(h *holding) *chunk {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.smallFree -= chunkSize
	h.small += chunkSize
	return m.chunk()
}

// next takes one more chunk for a part that, with it, lacks the bytes of need to be full. It
// waits for its turn if there are too few left.
func (m *Memory) next(ctx context.Context, h *holding, need int64, firstPart bool) (*chunk, error) {
	need = (need + chunkSize - 1) / chunkSize * chunkSize
	m.mu.Lock()
	switch {
	case h.lent > 0:
	case firstPart && h.small < smallObject && m.smallFree >= chunkSize:
		m.smallFree -= chunkSize
		h.small += chunkSize
		h.lent += chunkSize
	case len(m.turns) == 0 && m.partsFree-chunkSize >= m.largest:
		m.lend(h, chunkSize)
	case len(m.turns) == 0 && m.partsFree >= need:
		m.lend(h, need)
	default:
		w := &waiter{need: need, granted: make(chan struct{})}
		m.turns = append(m.turns, w)
		m.mu.Unlock()
		return m.wait(ctx, h, w)
	}
	h.lent -= chunkSize
	m.mu.Unlock()
	return m.chunk(), nil
}

// lend gives bytes of the share for parts. m.mu is held.
func (m *Memory) lend(h *holding, bytes int64) {
	m.partsFree -= bytes
	h.parts += bytes
	h.lent += bytes
}

func (m *Memory) wait(ctx context.Context, h *holding, w *waiter) (*chunk, error) {
	select {
	case <-w.granted:
	case <-ctx.Done():
		m.mu.Lock()
		defer m.mu.Unlock()
		if i := slices.Index(m.turns, w); i >= 0 {
			m.turns = slices.Delete(m.turns, i, i+1)
		} else { // granted at the same time
			m.partsFree += w.need
		}
		m.serve()
		return nil, context.Cause(ctx)
	}
	h.parts += w.need
	h.lent += w.need - chunkSize
	return m.chunk(), nil
}

// serve grants turns as far as the share for parts goes. m.mu is held.
func (m *Memory) serve() {
	for len(m.turns) > 0 && m.partsFree >= m.turns[0].need {
		m.partsFree -= m.turns[0].need
		close(m.turns[0].granted)
		m.turns = slices.Delete(m.turns, 0, 1)
	}
}

// release gives back all that h holds.
func (m *Memory) release(h *holding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.smallFree += h.small
	m.partsFree += h.parts
	*h = holding{}
	m.serve()
}

func (m *Memory) chunk() *chunk    { return m.pool.Get().(*chunk) }
func (m *Memory) recycle(c *chunk) { m.pool.Put(c) }
