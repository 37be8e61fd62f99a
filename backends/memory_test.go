package backends

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// tiny is a budget of 16 chunks in quarters of 4: for small objects, for all parts, for the turns
// of fast uploads, for those of slow ones.
func tiny() *Memory { return newMemory(16 * chunkSize) }

// taker is a part that is filled chunk by chunk.
type taker struct {
	t      *testing.T
	memory *Memory
	held   holding
	lacks  int64 // bytes to be sent
	first  bool
	pace   pace
}

func (m *Memory) taker(t *testing.T, chunks int, p pace) *taker {
	t.Helper()
	return &taker{t: t, memory: m, lacks: int64(chunks) * chunkSize, pace: p}
}

func (p *taker) ofSmallObject() *taker {
	p.first = true
	return p
}

func (p *taker) next(ctx context.Context) (*chunk, error) {
	c, err := p.memory.next(ctx, &p.held, demand{need: p.lacks, first: p.first, pace: p.pace})
	if c != nil {
		p.lacks = max(p.lacks-chunkSize, 0)
	}
	return c, err
}

func (p *taker) take(ctx context.Context) error {
	c, err := p.next(ctx)
	if err == nil && c == nil {
		return errors.New("to be sent")
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
	require.Equal(t, m.largest, m.smallFree)
	require.Equal(t, m.largest/2, m.aheadFree)
	for _, free := range m.partsFree {
		require.Equal(t, m.largest, free)
	}
	require.Equal(t, budget, 4*m.largest)
	require.Empty(t, m.turns[fast])
	require.Empty(t, m.turns[slow])
}

// releaseAll ends the test: all is given back.
func (m *Memory) releaseAll(t *testing.T, parts ...*taker) {
	t.Helper()
	for _, p := range parts {
		m.release(&p.held)
	}
	m.requireAllFree(t, 16*chunkSize)
}

func TestFirstChunkIsAlwaysGranted(t *testing.T) {
	m := tiny()
	held := make([]holding, 100)
	for i := range held {
		require.NotNil(t, m.first(&held[i]))
	}
	small := m.taker(t, 4, fast).ofSmallObject().mustTake(2)
	require.Equal(t, int64(2*chunkSize), small.held.small, "first chunks leave half to small objects")
	for i := range held {
		m.release(&held[i])
	}
	m.releaseAll(t, small)
}

func TestSmallObjectsPassThoseThatWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		large := []*taker{m.taker(t, 4, fast), m.taker(t, 4, fast), m.taker(t, 4, fast)}
		for _, p := range large {
			p.mustTake(4)
		}
		queued := m.taker(t, 4, fast)
		turn := queued.waits(t.Context())
		small := m.taker(t, 4, fast).ofSmallObject().mustTake(4)
		requireWaiting(t, turn)
		m.release(&small.held)
		requireWaiting(t, turn) // not from that quarter
		m.release(&large[0].held)
		requireServed(t, turn)
		m.releaseAll(t, large[1], large[2], queued)
	})
}

func TestSlowOnesLeaveHalfOfTheSmallQuarter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		slowOne := m.taker(t, 8, slow).ofSmallObject().mustTake(2)
		require.Equal(t, int64(2*chunkSize), slowOne.held.small)
		slowOne.mustTake(1)
		require.Equal(t, int64(2*chunkSize), slowOne.held.small, "the next is of another quarter")
		fastOne := m.taker(t, 8, fast).ofSmallObject().mustTake(2)
		require.Equal(t, int64(2*chunkSize), fastOne.held.small)
		m.releaseAll(t, slowOne, fastOne)
	})
}

func TestATurnIsAllThatAPartLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		begun := m.taker(t, 4, fast).mustTake(2)
		other := m.taker(t, 4, fast).mustTake(2) // now no chunk is left for all
		others := m.taker(t, 4, slow).mustTake(1)
		lent := m.taker(t, 4, fast).mustTake(1)
		turn := begun.waits(t.Context()) // so begun cannot go on
		lent.mustTake(3)                 // but who was lent the turn can
		requireWaiting(t, turn)
		m.release(&lent.held)
		requireServed(t, turn)
		begun.mustTake(1)
		m.releaseAll(t, begun, other, others)
	})
}

func TestSlowOnesDelayNoFastOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		sharing := m.taker(t, 4, slow).mustTake(4)
		inTurn := m.taker(t, 4, slow).mustTake(1)
		queued := m.taker(t, 4, slow)
		turn := queued.waits(t.Context())
		for range 3 {
			fastOne := m.taker(t, 4, fast).mustTake(4)
			require.Equal(t, int64(4*chunkSize), fastOne.held.parts[turnsOfFast])
			m.release(&fastOne.held)
			requireWaiting(t, turn)
		}
		m.release(&inTurn.held)
		requireServed(t, turn)
		m.releaseAll(t, sharing, queued)
	})
}

func TestFastOnesUseTheTurnsThatNoSlowOneWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		parts := []*taker{m.taker(t, 4, fast).mustTake(4), m.taker(t, 4, fast).mustTake(4), m.taker(t, 4, fast).mustTake(4)}
		slowOne, fastOne := m.taker(t, 4, slow), m.taker(t, 4, fast)
		fastTurn := fastOne.waits(t.Context())
		slowTurn := slowOne.waits(t.Context())
		m.release(&parts[2].held)
		requireServed(t, slowTurn) // though the fast one came first
		requireWaiting(t, fastTurn)
		m.release(&parts[1].held)
		requireServed(t, fastTurn)
		m.releaseAll(t, parts[0], slowOne, fastOne)
	})
}

func TestAPartThatCanBeSentDoesNotWait(t *testing.T) {
	m := tiny()
	part := m.taker(t, 3, slow).mustTake(4) // one more than it needs: there is memory
	c, err := part.next(t.Context())
	require.NoError(t, err)
	require.Nil(t, c)
	m.releaseAll(t, part)
}

func TestTurnsAreTakenInOrder(t *testing.T) {
	for _, pace := range []pace{fast, slow} {
		synctest.Test(t, func(t *testing.T) {
			m := tiny()
			full := m.taker(t, 4, fast).mustTake(4)
			full2 := m.taker(t, 4, fast).mustTake(4)
			full3 := m.taker(t, 4, fast).mustTake(4)
			second, third := m.taker(t, 4, pace), m.taker(t, 1, pace)
			secondTurn := second.waits(t.Context())
			thirdTurn := third.waits(t.Context())
			m.release(&full3.held)
			requireServed(t, secondTurn)
			requireWaiting(t, thirdTurn) // though one chunk would do
			m.release(&full.held)
			requireServed(t, thirdTurn)
			m.releaseAll(t, full2, second, third)
		})
	}
}

func TestWhoGivesUpLetsTheNextPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := tiny()
		full := m.taker(t, 4, slow).mustTake(4)
		inTurn := m.taker(t, 3, slow).mustTake(3)
		ctx, cancel := context.WithCancelCause(t.Context())
		first, second := m.taker(t, 4, slow), m.taker(t, 1, slow)
		firstTurn := first.waits(ctx)
		secondTurn := second.waits(t.Context())
		cancel(context.DeadlineExceeded)
		synctest.Wait()
		require.ErrorIs(t, <-firstTurn, context.DeadlineExceeded)
		requireServed(t, secondTurn)
		m.releaseAll(t, full, inTurn, second)
	})
}

func TestGivingUpWhileBeingServedLosesNothing(t *testing.T) {
	for range 1000 {
		m := tiny()
		full := []*taker{m.taker(t, 4, fast).mustTake(4), m.taker(t, 4, fast).mustTake(4), m.taker(t, 4, fast).mustTake(4)}
		waiter := m.taker(t, 4, fast)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = waiter.take(ctx) // lent or not, the part gives back what it holds
		}()
		go cancel()
		m.release(&full[0].held)
		<-done
		m.releaseAll(t, full[1], full[2], waiter)
	}
}

func TestDownloadsReadAheadIntoHalfOfTheSharedQuarter(t *testing.T) {
	m := tiny()
	var one, other holding
	require.True(t, m.ahead(&one, chunkSize))
	require.False(t, m.ahead(&other, 2*chunkSize), "all or nothing")
	require.True(t, m.ahead(&other, chunkSize))
	require.False(t, m.ahead(&other, 1))
	m.release(&one)
	part := m.taker(t, 4, fast).mustTake(3) // of those that downloads left
	require.Equal(t, int64(3*chunkSize), part.held.parts[common])
	require.False(t, m.ahead(&one, chunkSize), "uploads may have all that is free")
	m.release(&other)
	require.True(t, m.ahead(&one, chunkSize))
	m.release(&one)
	m.releaseAll(t, part)
}

func TestDownloadsTakeNothingWhileAnUploadWaits(t *testing.T) {
	for _, pace := range []pace{fast, slow} {
		synctest.Test(t, func(t *testing.T) {
			m := tiny()
			most, rest := m.taker(t, 3, fast).mustTake(3), m.taker(t, 1, fast).mustTake(1)
			ofSlow, ofFast := m.taker(t, 4, slow).mustTake(4), m.taker(t, 4, fast).mustTake(4)
			waiting := m.taker(t, 4, pace)
			turn := waiting.waits(t.Context())
			m.release(&rest.held)
			requireWaiting(t, turn)
			var ahead holding
			require.False(t, m.ahead(&ahead, chunkSize), "the chunk that is free is the upload's")
			m.release(&most.held)
			requireServed(t, turn)
			m.releaseAll(t, ofSlow, ofFast, waiting)
		})
	}
}

func TestNewMemoryIsAtLeastWhatAPartNeeds(t *testing.T) {
	m := NewMemory(1)
	require.GreaterOrEqual(t, m.largest, int64(defaultPartSize))
	m.requireAllFree(t, MinMemory)
	NewMemory(DefaultMemory).requireAllFree(t, DefaultMemory)
}
