package backends

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

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

// ReadPieces makes downloads read ahead in pieces of so many bytes.
func (s *Store) ReadPieces(bytes int64) { s.piece = bytes }

// Occupy takes all that uploads share, and lets one of them wait for its turn, until the
// returned function is called.
func (m *Memory) Occupy(t *testing.T) (release func()) {
	t.Helper()
	var held, waiting holding
	for q := range quarters {
		require.True(t, m.take(&held, q, m.largest))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = m.next(ctx, &waiting, demand{need: chunkSize})
	}()
	synctest.Wait()
	return func() {
		cancel()
		<-done
		m.release(&held)
		m.release(&waiting)
	}
}

// TakeShared takes the quarter that all parts share, so that uploads have only their turns.
func (m *Memory) TakeShared(t *testing.T) (release func()) {
	t.Helper()
	var held holding
	m.mu.Lock()
	defer m.mu.Unlock()
	require.True(t, m.take(&held, common, m.largest))
	return func() { m.release(&held) }
}
