package backends

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// tiny is a budget of 16 chunks: 4 for small objects, 12 for parts, of which the largest has 4.
func tiny() *Memory { return newMemory(16 * chunkSize) }

// taker is a part that is filled chunk by chunk.
type taker struct {
	t      *testing.T
	memory *Memory
	held   holding
	lacks  int64 // bytes to be full
	first  bool
}

func (m *Memory) taker(t *testing.T, chunks int, first bool) *taker {
	t.Helper()
	return &taker{t: t, memory: m, lacks: int64(chunks) * chunkSize, first: first}
}

func (p *taker) take(ctx context.Context) error {
	_, err := p.memory.next(ctx, &p.held, p.lacks, p.first)
	if err == nil {
		p.lacks -= chunkSize
	}
	return err
}

func (p *taker) mustTake(chunks int) *taker {
	p.t.Helper()
	for range chunks {
		require.NoError(p.t, p.take(p.t.Context()))
	}
	return p
}

// waits begins to take a chunk that is not to be had yet; the channel closes when it is.
func (p *taker) waits(ctx context.Context) <-chan error {
	p.t.Helper()
	got := make(chan error, 1)
	go func() { got <- p.take(ctx) }()
	synctest.Wait()
	requireWaiting(p.t, got)
	return got
}

func requireWaiting(t *testing.T, got <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-got:
		require.Fail(t, "did not wait", "%v", err)
	default:
	}
}

func requireServed(t *testing.T, got <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-got:
		require.NoError(t, err)
	default:
		require.Fail(t, "still waits")
	}
}

func (m *Memory) requireAllFree(t *testing.T, budget int64) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	require.Equal(t, budget, m.smallFree+m.partsFree)
	require.Empty(t, m.turns)
}

func TestFirstChunkIsAlwaysGranted(t *testing.T) {
	m := tiny()
	held := make([]holding, 100)
	for i := range held {
		require.NotNil(t, m.first(&held[i]))
	}
	for i := range held {
		m.release(&held[i])
	}
	m.requireAllFree(t, 16*chunkSize)
}

func TestSmallObjectsPassThoseThatWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		large := []*taker{m.taker(t, 4, false), m.taker(t, 4, false), m.taker(t, 4, false)}
		for _, p := range large {
			p.mustTake(4)
		}
		queued := m.taker(t, 4, false)
		turn := queued.waits(t.Context())
		small := m.taker(t, 4, true).mustTake(4) // from their own share
		requireWaiting(t, turn)
		m.release(&small.held)
		requireWaiting(t, turn) // not from that share
		m.release(&large[0].held)
		requireServed(t, turn)
		for _, p := range []*taker{large[1], large[2], queued} {
			m.release(&p.held)
		}
		m.requireAllFree(t, 16*chunkSize)
	})
}

func TestAPartOfTheLargestSizeStaysInReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		slow := m.taker(t, 4, false).mustTake(2)
		others := m.taker(t, 4, false).mustTake(4)
		more := m.taker(t, 4, false).mustTake(2) // 8 of 12 are held, 4 in reserve
		lent := m.taker(t, 4, false).mustTake(1) // takes all of the reserve at once
		turn := slow.waits(t.Context())          // so slow cannot go on
		lent.mustTake(3)                         // but who was lent the reserve can
		requireWaiting(t, turn)
		m.release(&lent.held)
		requireServed(t, turn)
		slow.mustTake(1)
		for _, p := range []*taker{slow, others, more} {
			m.release(&p.held)
		}
		m.requireAllFree(t, 16*chunkSize)
	})
}

func TestTurnsAreTakenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		full := m.taker(t, 4, false).mustTake(4)
		full2 := m.taker(t, 4, false).mustTake(4)
		full3 := m.taker(t, 4, false).mustTake(4)
		second, third := m.taker(t, 4, false), m.taker(t, 1, false)
		secondTurn := second.waits(t.Context())
		thirdTurn := third.waits(t.Context())
		m.release(&full.held)
		requireServed(t, secondTurn)
		requireWaiting(t, thirdTurn) // though one chunk would do
		m.release(&full2.held)
		requireServed(t, thirdTurn)
		for _, p := range []*taker{full3, second, third} {
			m.release(&p.held)
		}
		m.requireAllFree(t, 16*chunkSize)
	})
}

func TestWhoGivesUpLetsTheNextPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		full := m.taker(t, 11, false)
		m.lend(&full.held, 11*chunkSize)
		ctx, cancel := context.WithCancelCause(t.Context())
		first, second := m.taker(t, 4, false), m.taker(t, 1, false)
		firstTurn := first.waits(ctx)
		secondTurn := second.waits(t.Context())
		cancel(context.DeadlineExceeded)
		synctest.Wait()
		require.ErrorIs(t, <-firstTurn, context.DeadlineExceeded)
		requireServed(t, secondTurn)
		m.release(&second.held)
		m.release(&full.held)
		m.requireAllFree(t, 16*chunkSize)
	})
}

func TestGivingUpWhileBeingServedLosesNothing(t *testing.T) {
	for range 1000 {
		m := tiny()
		full := m.taker(t, 12, false)
		m.lend(&full.held, 12*chunkSize)
		waiter := m.taker(t, 4, false)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- waiter.take(ctx) }()
		go cancel()
		m.release(&full.held)
		if err := <-done; err == nil {
			m.release(&waiter.held)
		}
		m.requireAllFree(t, 16*chunkSize)
	}
}

func TestNewMemoryIsAtLeastWhatAPartNeeds(t *testing.T) {
	m := NewMemory(1)
	require.GreaterOrEqual(t, m.largest, int64(defaultPartSize))
	m.requireAllFree(t, MinMemory)
	NewMemory(DefaultMemory).requireAllFree(t, DefaultMemory)
}
