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

	// smallObject is how far the first part of an upload may grow in the quarter that is kept
	// for small objects, so that they do not queue behind large ones.
	smallObject = 512 << 10
)

// Memory is a budget for the buffers of all transfers of all stores that share it. When it is
// spent, transfers wait for each other, and do not read their sockets meanwhile.
//
// It has four quarters, each as large as the largest part:
//   - One is for the first 512 KiB of each upload, chunk by chunk. The first chunk of a transfer
//     is always granted, beyond the budget if need be.
//   - One is for all parts, chunk by chunk, first come, first served.
//   - Two are lent in turn, one to fast uploads and one to slow ones: always as much as a part
//     still lacks to be sent. So whoever has its turn can send its part and give all of it back,
//     and the next in turn can be served: no one waits in a circle, and no one starves.
//
// An upload counts as slow while it would take long to fill its part (patience). Slow ones may
// delay each other. They leave to the fast their own turns and half of the quarter for small
// objects; the fast use the turns of the slow when none of these waits. Which quarter bytes are
// of was settled when they were lent: an upload that becomes slow in its turn keeps it until
// its part is sent.
//
// Downloads read ahead into the quarter for all parts: only while no upload waits, never more
// than half of it together, and without waiting. A client that stops reading may keep that half
// for long; the uploads have theirs, and their turns.
type Memory struct {
	largest int64     // bytes of the largest part: a quarter of the budget
	pool    sync.Pool // of *chunk; the collector empties it when the load is over

	mu        sync.Mutex
	smallFree int64            // never below zero, as all that follows
	partsFree [quarters]int64  // of the quarters for parts
	aheadFree int64            // that downloads may still take of the common one
	turns     [paces][]*waiter // in the order of arrival
}

// pace says which turns an upload takes.
type pace int

const (
	fast pace = iota
	slow
	paces
)

// quarter is one of those for parts.
type quarter int

const (
	common quarter = iota
	turnsOfFast
	turnsOfSlow
	quarters
)

// chunk is a piece of a buffer.
type chunk [chunkSize]byte

// waiter waits for its turn. What it is lent is put into held, which is m's until granted is
// closed.
type waiter struct {
	held    *holding
	need    int64
	granted chan struct{}
}

// NewMemory returns a budget of so many bytes, at least MinMemory.
//
// It also limits how large an object can become. A part is in memory as a whole until the store has it, because only then can
// it be sent again when the store falters; and it is at the most a quarter of the budget, so that
// each of two turns can hold one. Where the number of an object's parts is limited, so is
// the object:
//
//	budget     S3         Azure      Google Cloud Storage
//	32 MiB      69 GiB    309 GiB    773 GiB
//	64 MiB     135 GiB    607 GiB    1.5 TiB
//	256 MiB    519 GiB    2.3 TiB    5 TiB, all that it takes
//	1 GiB      1.9 TiB    8.8 TiB    5 TiB
//	4 GiB      7.4 TiB     34 TiB    5 TiB
//
// What goes beyond is ErrTooLarge: from Create if the size was announced, else from Write.
func NewMemory(bytes int64) *Memory { return newMemory(max(bytes, MinMemory)) }

func newMemory(bytes int64) *Memory {
	largest := bytes / 4 / chunkSize * chunkSize
	m := &Memory{
		largest:   largest,
		pool:      sync.Pool{New: func() any { return new(chunk) }},
		smallFree: largest,
		aheadFree: largest / 2,
	}
	for q := range m.partsFree {
		m.partsFree[q] = largest
	}
	return m
}

// holding is what one part has of a Memory.
type holding struct {
	small int64           // bytes of the quarter for small objects
	parts [quarters]int64 // bytes of the others, with what is lent
	lent  int64           // bytes that may be used without asking
	ahead int64           // bytes of the common quarter that a download has read ahead into
}

// demand is what a part that asks for its next chunk says of itself.
type demand struct {
	need  int64 // bytes, that chunk included, until it can be sent; 0 if it can be now
	first bool  // it is the first part of its upload
	pace  pace
}

// first takes the first chunk of a transfer.
func (m *Memory) first(h *holding) *chunk {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.smallFree-chunkSize >= m.smallReserve(slow) {
		m.smallFree -= chunkSize
		h.small += chunkSize
	}
	return m.chunk()
}

// next takes one more chunk for a part. If there is none left it waits for its turn, or returns
// nil for a part that can be sent instead.
func (m *Memory) next(ctx context.Context, h *holding, d demand) (*chunk, error) {
	d.need = (d.need + chunkSize - 1) / chunkSize * chunkSize
	m.mu.Lock()
	if !m.lend(h, d) {
		if d.need == 0 {
			m.mu.Unlock()
			return nil, nil
		}
		w := &waiter{held: h, need: d.need, granted: make(chan struct{})}
		m.turns[d.pace] = append(m.turns[d.pace], w)
		m.mu.Unlock()
		if err := m.wait(ctx, w, d.pace); err != nil {
			return nil, err
		}
		m.mu.Lock()
	}
	h.lent -= chunkSize
	m.mu.Unlock()
	return m.chunk(), nil
}

// lend sees to it that h may use a chunk, without passing those who wait. m.mu is held.
func (m *Memory) lend(h *holding, d demand) bool {
	switch {
	case h.lent > 0:
	case d.first && h.small < smallObject && m.smallFree-chunkSize >= m.smallReserve(d.pace):
		m.smallFree -= chunkSize
		h.small += chunkSize
		h.lent += chunkSize
	case len(m.turns[fast]) > 0 || d.pace == slow && len(m.turns[slow]) > 0:
		return false
	case m.take(h, common, chunkSize):
	default:
		return d.need > 0 && m.lendTurn(h, d.need, d.pace)
	}
	return true
}

// smallReserve is what uploads of that pace leave of the quarter for small objects.
func (m *Memory) smallReserve(p pace) int64 {
	if p == slow {
		return m.largest / 2
	}
	return 0
}

// lendTurn lends all that a part needs. m.mu is held.
func (m *Memory) lendTurn(h *holding, need int64, p pace) bool {
	if m.take(h, common, need) {
		return true
	}
	if p == slow {
		return m.take(h, turnsOfSlow, need)
	}
	return m.take(h, turnsOfFast, need) || len(m.turns[slow]) == 0 && m.take(h, turnsOfSlow, need)
}

func (m *Memory) take(h *holding, q quarter, bytes int64) bool {
	if m.partsFree[q] < bytes {
		return false
	}
	m.partsFree[q] -= bytes
	h.parts[q] += bytes
	h.lent += bytes
	return true
}

// wait returns when w was lent what it needs. What it was lent as it gave up is given back with
// all that its part holds.
func (m *Memory) wait(ctx context.Context, w *waiter, p pace) error {
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if i := slices.Index(m.turns[p], w); i >= 0 {
		m.turns[p] = slices.Delete(m.turns[p], i, i+1)
	}
	m.serve()
	return context.Cause(ctx)
}

// serve grants turns as far as the memory goes. m.mu is held.
func (m *Memory) serve() {
	for served := true; served; {
		served = m.serveNext(fast) || m.serveNext(slow)
	}
}

func (m *Memory) serveNext(p pace) bool {
	if len(m.turns[p]) == 0 {
		return false
	}
	w := m.turns[p][0]
	if !m.lendTurn(w.held, w.need, p) {
		return false
	}
	close(w.granted)
	m.turns[p] = slices.Delete(m.turns[p], 0, 1)
	return true
}

// ahead takes so many bytes for a download, or nothing if it would have to wait for them.
func (m *Memory) ahead(h *holding, bytes int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.turns[fast]) > 0 || len(m.turns[slow]) > 0 || m.aheadFree < bytes || !m.take(h, common, bytes) {
		return false
	}
	m.aheadFree -= bytes
	h.ahead += bytes
	return true
}

// release gives back all that h holds.
func (m *Memory) release(h *holding) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.smallFree += h.small
	m.aheadFree += h.ahead
	for q, bytes := range h.parts {
		m.partsFree[q] += bytes
	}
	*h = holding{}
	m.serve()
}

func (m *Memory) chunk() *chunk    { return m.pool.Get().(*chunk) }
func (m *Memory) recycle(c *chunk) { m.pool.Put(c) }
