package backends

import "testing"

// ChunkSize is what tests count memory by.
const ChunkSize = chunkSize

// NewTinyMemory is NewMemory without its least budget.
func NewTinyMemory(bytes int64) *Memory { return newMemory(bytes) }

// Free returns the bytes left of the quarter for small objects and of those for parts.
func (m *Memory) Free() (small, parts int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, free := range m.partsFree {
		parts += free
	}
	return m.smallFree, parts
}

// RequireAllFree fails unless all of the budget has been given back.
func (m *Memory) RequireAllFree(t *testing.T, budget int64) {
	t.Helper()
	m.requireAllFree(t, budget)
}
