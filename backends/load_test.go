package backends_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// client sends data in packets, some of them late, and breaks off after the given number of bytes.
// Time is that of a synctest bubble: being slow costs nothing, and a deadlock is found at once.
type client struct {
	bench  *bench
	random *rand.Rand
	data   *bytes.Reader
	late   time.Duration // that a packet may be
	left   int64         // until it breaks off; below zero for never
	peak   *peak
}

// peak is the most of the memory that was ever seen in use.
type peak struct {
	mu                   sync.Mutex
	smallFree, partsFree int64
}

func (p *peak) look(m *backends.Memory) {
	small, parts := m.Free()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.smallFree, p.partsFree = min(p.smallFree, small), min(p.partsFree, parts)
}

func (c *client) Read(p []byte) (int, error) {
	c.peak.look(c.bench.memory)
	if c.late > 0 && c.random.IntN(3) == 0 {
		time.Sleep(time.Duration(c.random.Int64N(int64(c.late))))
	}
	if c.left == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	packet := p[:min(int64(len(p)), int64(1+c.random.IntN(20_000)))]
	if c.left > 0 {
		packet = packet[:min(int64(len(packet)), c.left)]
	}
	n, err := c.data.Read(packet)
	if c.left > 0 {
		c.left -= int64(n)
	}
	return n, err
}

// run uploads and says whether it was committed.
func (c *client) run(t *testing.T, key string) bool {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w, err := c.bench.Create(ctx, key, backends.CreateOptions{})
	if err != nil {
		t.Error(err)
		return false
	}
	if c.left > 0 && c.random.IntN(2) == 0 { // its control connection breaks instead
		time.AfterFunc(time.Duration(c.random.IntN(30_000))*time.Millisecond, cancel)
	}
	if _, err = w.ReadFrom(c); err != nil {
		if c.left < 0 || w.Abort(t.Context()) != nil {
			t.Errorf("%s: %v", key, err)
		}
		return false
	}
	if _, err = w.Commit(ctx); err != nil && c.left < 0 {
		t.Errorf("%s: %v", key, err)
	}
	return err == nil
}

func TestManyUploadsShareATinyBudget(t *testing.T) {
	for _, opts := range []memstore.Options{
		{},
		{Without: backends.CapParallelParts},
		{Limits: func(l *backends.Limits) { l.MinPart = partSize * 5 / 8 }},
		{Limits: func(l *backends.Limits) { l.MinPart = partSize }}, // none can be sent early
	} {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { shareATinyBudget(t, seed, opts) })
		})
	}
}

func shareATinyBudget(t *testing.T, seed uint64, opts memstore.Options) {
	t.Helper()
	const clients = 40
	b := newBench(t, opts)
	b.before = func(_ context.Context, op string, n int) error {
		if op == "PutPart" && n%5 == 0 {
			time.Sleep(time.Duration(n%7) * 100 * time.Millisecond) // a store that is slow at times
		}
		return nil
	}
	late := []time.Duration{0, time.Second, 0, 20 * time.Second} // the last are slow ones for Memory
	lowest := &peak{}
	var all sync.WaitGroup
	committed := make([]bool, clients)
	content := func(i int) []byte {
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		return noise(uint64(i), random.IntN(10*partSize))
	}
	for i := range clients {
		data := content(i)
		random := rand.New(rand.NewPCG(seed, uint64(1000+i)))
		c := &client{bench: b, random: random, data: bytes.NewReader(data), late: late[i%4], left: -1, peak: lowest}
		if i%5 == 3 && len(data) > 0 {
			c.left = int64(random.IntN(len(data)))
		}
		all.Go(func() { committed[i] = c.run(t, fmt.Sprint("file", i)) })
	}
	all.Wait()

	for i := range clients {
		if committed[i] {
			require.True(t, bytes.Equal(content(i), b.load(t, fmt.Sprint("file", i))), "file %d", i)
		}
	}
	keys, _ := b.mem.Left()
	done := 0
	for _, ok := range committed {
		if ok {
			done++
		}
	}
	require.Len(t, keys, done)
	require.GreaterOrEqual(t, done, clients*3/4)
	require.Less(t, lowest.partsFree, int64(budget/4), "the budget was never short")
	require.GreaterOrEqual(t, lowest.partsFree, int64(0))
	require.GreaterOrEqual(t, lowest.smallFree, int64(0))
	b.requireClean(t)
}

// Whoever has begun a part must not keep others from finishing theirs for ever: here the most
// that can be held is held by clients that send nothing more until the others are done.
func TestStalledUploadsDoNotStopTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		const stalled = 8
		proceed := make(chan struct{})
		var all sync.WaitGroup
		for i := range stalled {
			all.Go(func() {
				w, err := b.Create(t.Context(), fmt.Sprint("stalled", i), backends.CreateOptions{})
				if err != nil {
					t.Error(err)
					return
				}
				_, err = w.ReadFrom(io.MultiReader(bytes.NewReader(noise(1, partSize+1000)), &held{proceed}, bytes.NewReader(noise(2, 5*partSize))))
				if err == nil {
					_, err = w.Commit(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		for i := range 4 {
			b.save(t, fmt.Sprint("quick", i), noise(uint64(i), 6*partSize))
		}
		close(proceed)
		all.Wait()
		b.requireClean(t)
	})
}

// held is the point in a stream where a client waits.
type held struct{ proceed chan struct{} }

func (h *held) Read([]byte) (int, error) {
	<-h.proceed
	return 0, io.EOF
}
