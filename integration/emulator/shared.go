package emulator

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Shared is the one store of its kind that all tests of a binary use: a process must outlive the
// tests. The zero value has none yet.
type Shared[S interface{ Remove() }] struct {
	mu      sync.Mutex
	started bool
	server  S
	err     error
}

// Get returns the store, which start starts at the first call.
func (s *Shared[S]) Get(tb testing.TB, start func() (S, error)) S {
	tb.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.started {
		s.started = true
		s.server, s.err = start()
	}
	require.NoError(tb, s.err)
	return s.server
}

// Run runs the tests of a binary and then ends the store. It returns the exit code.
func (s *Shared[S]) Run(m interface{ Run() int }) int {
	code := m.Run()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.started && s.err == nil {
		s.server.Remove()
	}
	return code
}
