package backends_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// far is a store at the end of a line, in the time of a synctest bubble: a request takes a while
// to be answered, and each stream has its own speed. Contents are made as they are read.
type far struct {
	backends.Driver
	size    int64
	latency time.Duration
	speed   float64                                             // bytes a second of one stream; 0 for no limit
	fault   func(n int, off int64) error                        // of the nth request from off, from 1
	breaks  func(n int, off, end int64) (after int64, as error) // where the body of that ends before its time
	answer  func(ctx context.Context, off int64) (proceed bool) // holds up a request; may be nil

	mu       sync.Mutex
	version  int
	requests []request
	open     gauge
}

type request struct {
	at  time.Time
	off int64
}

func (f *far) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	f.mu.Lock()
	f.requests = append(f.requests, request{time.Now(), off})
	number := f.tries(off)
	now := fmt.Sprint("v", f.version)
	f.mu.Unlock()
	if f.answer != nil && !f.answer(ctx, off) {
		return nil, backends.Info{}, backends.NewError("read", key, backends.ErrUnknown, context.Cause(ctx))
	}
	if err := sleep(ctx, f.latency); err != nil {
		return nil, backends.Info{}, backends.NewError("read", key, backends.ErrUnknown, err)
	}
	if f.fault != nil {
		if err := f.fault(number, off); err != nil {
			return nil, backends.Info{}, err
		}
	}
	if version != "" && version != now {
		return nil, backends.Info{}, backends.NewError("read", key, backends.ErrChanged, nil)
	}
	end := f.size
	if n >= 0 {
		end = min(off+n, f.size)
	}
	body := &farBody{far: f, ctx: ctx, off: off, stripe: stripe(now), breaks: end, as: io.EOF}
	if f.breaks != nil {
		if after, as := f.breaks(number, off, end); as != nil {
			body.breaks, body.as = min(off+after, end), as
		}
	}
	f.open.enter()
	return body, backends.Info{Key: key, Size: f.size, Version: now}, nil
}

// tries counts the requests from off. Unlike a count of all requests it does not hang on which of
// several streams asks first. f.mu is held.
func (f *far) tries(off int64) (n int) {
	for _, r := range f.requests {
		if r.off == off {
			n++
		}
	}
	return n
}

func (f *far) replace() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version++
}

// asked returns the offsets of all requests, in the order of time. Those of one moment have no
// other: each stream asks in a goroutine of its own. They are returned in the order of the object.
func (f *far) asked() []int64 {
	f.mu.Lock()
	requests := slices.Clone(f.requests)
	f.mu.Unlock()
	slices.SortFunc(requests, func(a, b request) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.off, b.off))
	})
	offsets := make([]int64, len(requests))
	for i, r := range requests {
		offsets[i] = r.off
	}
	return offsets
}

// stripe is what a version consists of, over and over: of a length that no range is a multiple of.
func stripe(version string) []byte { return noise(uint64(version[len(version)-1]), 65_521) }

// paint sets p to the bytes at off of what consists of stripe.
func paint(p, stripe []byte, off int64) {
	for n := 0; n < len(p); {
		n += copy(p[n:], stripe[(off+int64(n))%int64(len(stripe)):])
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

type farBody struct {
	far    *far
	ctx    context.Context
	off    int64
	stripe []byte
	breaks int64
	as     error
	closed bool
}

func (b *farBody) Read(p []byte) (int, error) {
	if b.off == b.breaks {
		return 0, b.as
	}
	n := min(int64(len(p)), b.breaks-b.off, 32<<10)
	if b.far.speed > 0 {
		if err := sleep(b.ctx, time.Duration(float64(n)/b.far.speed*float64(time.Second))); err != nil {
			return 0, err
		}
	}
	paint(p[:n], b.stripe, b.off)
	b.off += n
	return int(n), nil
}

func (b *farBody) Close() error {
	if !b.closed {
		b.far.open.leave()
	}
	b.closed = true
	return nil
}

// taker is a client that checks what it gets, and takes it at its speed.
type taker struct {
	stripe  []byte
	painted []byte
	off     int64
	speed   func(off int64) float64 // bytes a second; 0 for no limit
	after   func(off int64) error   // each write; may be nil
}

func (c *taker) Write(p []byte) (int, error) {
	c.painted = append(c.painted[:0], p...)
	if paint(c.painted, c.stripe, c.off); !bytes.Equal(c.painted, p) {
		return 0, fmt.Errorf("wrong bytes between %d and %d", c.off, c.off+int64(len(p)))
	}
	c.off += int64(len(p))
	if c.speed != nil {
		if speed := c.speed(c.off); speed > 0 {
			time.Sleep(time.Duration(float64(len(p)) / speed * float64(time.Second)))
		}
	}
	if c.after != nil {
		return len(p), c.after(c.off)
	}
	return len(p), nil
}

const (
	testPiece = 2 * backends.ChunkSize
	// readBudget lets downloads read eight of these ahead.
	readBudget = 8 * 2 * 4 * testPiece
	mbps       = 1e6
)

// downloads is a Store over a far one.
type downloads struct {
	*backends.Store
	*far
	memory *backends.Memory
}

func newDownloads(t *testing.T, f *far, parallel int) *downloads {
	t.Helper()
	f.Driver = memstore.New(memstore.Options{})
	d := &downloads{far: f, memory: backends.NewTinyMemory(readBudget)}
	d.Store = backends.NewStore("test", f, backends.StoreOptions{Memory: d.memory, ParallelReads: parallel})
	d.ReadPieces(testPiece)
	return d
}

// fetch downloads from off, to a client, and closes.
func (d *downloads) fetch(t *testing.T, off int64, c *taker) error {
	t.Helper()
	r, err := d.Open(t.Context(), "a", off)
	require.NoError(t, err)
	c.stripe, c.off = stripe(r.Info().Version), off
	n, err := r.WriteTo(c)
	if err == nil {
		require.Equal(t, d.size-off, n)
	}
	require.NoError(t, r.Close())
	require.NoError(t, r.Close(), "a second time does nothing")
	d.requireNothingHeld(t)
	return err
}

func (d *downloads) requireNothingHeld(t *testing.T) {
	t.Helper()
	d.memory.RequireAllFree(t, readBudget)
	require.Zero(t, d.bodies(), "left open")
}

// bodies returns how many are open.
func (f *far) bodies() int {
	f.open.mu.Lock()
	defer f.open.mu.Unlock()
	return f.open.now
}

// downloading runs a test in a bubble of time.
func downloading(t *testing.T, f *far, run func(t *testing.T, d *downloads)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDownloads(t, f, 0)
		run(t, d)
		require.NoError(t, d.Close())
	})
}

func TestOneRequestIsEnoughFor(t *testing.T) {
	slow := func(int64) float64 { return 0.9 * mbps }
	for name, c := range map[string]struct {
		*far
		client func(int64) float64
	}{
		"a small object":             {&far{size: 5*testPiece + testPiece - 1, speed: mbps}, nil},
		"a fast store":               {&far{size: 100 * testPiece, speed: 140 << 20}, nil},
		"a store at no distance":     {&far{size: 100 * testPiece}, nil},
		"a slow client":              {&far{size: 100 * testPiece, speed: mbps}, slow},
		"a slow client, fast store":  {&far{size: 100 * testPiece}, slow},
		"a store slow to answer":     {&far{size: 100 * testPiece, latency: time.Minute}, nil},
		"an object that has no byte": {&far{size: 0, latency: time.Second}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			downloading(t, c.far, func(t *testing.T, d *downloads) {
				require.NoError(t, d.fetch(t, 0, &taker{speed: c.client}))
				require.Equal(t, []int64{0}, d.asked())
				require.Equal(t, 1, d.open.most)
			})
		})
	}
}

func TestStreamsJoinWhileTheStoreIsSlower(t *testing.T) {
	const size = 100*testPiece + 12345
	for parallel := 1; parallel <= 5; parallel++ {
		for _, off := range []int64{0, 777, 10*testPiece - 1} {
			synctest.Test(t, func(t *testing.T) {
				d := newDownloads(t, &far{size: size, latency: 5 * time.Millisecond, speed: mbps}, parallel)
				began := time.Now()
				require.NoError(t, d.fetch(t, off, &taker{}))
				alone := float64(size-off) / mbps
				took := time.Since(began).Seconds()
				require.LessOrEqual(t, d.open.most, parallel)
				if parallel == 1 {
					require.Len(t, d.asked(), 1)
				} else {
					require.Less(t, took, alone/(0.8*float64(parallel)), "%d streams", parallel)
				}
				require.NoError(t, d.Close())
			})
		}
	}
}

func TestTheFirstStreamGoesOnUntilThePiecesBegin(t *testing.T) {
	downloading(t, &far{size: 6 * testPiece, speed: mbps}, func(t *testing.T, d *downloads) {
		began := time.Now()
		require.NoError(t, d.fetch(t, 0, &taker{}))
		require.Equal(t, []int64{0, 3 * testPiece, 4 * testPiece, 5 * testPiece}, d.asked())
		const first, last = 3 * testPiece, testPiece // the third piece comes with the fourth, the fifth with the sixth
		require.Equal(t, (first+last)*time.Second/mbps, time.Since(began))
	})
}

func TestStreamsLeaveWhenTheClientIsSlower(t *testing.T) {
	downloading(t, &far{size: 200 * testPiece, latency: 5 * time.Millisecond, speed: mbps}, func(t *testing.T, d *downloads) {
		client := &taker{speed: func(off int64) float64 {
			if off > 50*testPiece && off < 150*testPiece {
				return 0.8 * mbps
			}
			return 0
		}}
		var during []int
		client.after = func(off int64) error {
			if off > 100*testPiece && off < 150*testPiece {
				during = append(during, d.bodies())
				_, parts := d.memory.Free()
				require.Equal(t, int64(readBudget*3/4), parts, "nothing is read ahead")
			}
			return nil
		}
		require.NoError(t, d.fetch(t, 0, client))
		for _, open := range during {
			require.Equal(t, 1, open)
		}
		require.Equal(t, 4, d.open.most)
		last := d.asked()[len(d.asked())-1]
		require.Greater(t, last, int64(190*testPiece), "they came back")
	})
}

func TestAClientThatStopsHoldsNoMoreThanItsPieces(t *testing.T) {
	downloading(t, &far{size: 200 * testPiece, speed: mbps}, func(t *testing.T, d *downloads) {
		looked := false
		err := d.fetch(t, 0, &taker{after: func(off int64) error {
			if off < 50*testPiece || looked {
				return nil
			}
			looked = true
			time.Sleep(time.Hour)
			_, parts := d.memory.Free()
			require.GreaterOrEqual(t, parts, int64(readBudget*3/4-4*testPiece))
			require.Less(t, parts, int64(readBudget*3/4))
			require.Zero(t, d.bodies(), "a piece that has come in needs no connection")
			return nil
		}})
		require.NoError(t, err)
		require.True(t, looked)
	})
}

func TestWithoutMemoryDownloadsGoOnAlone(t *testing.T) {
	const many = 20
	f := &far{size: 60 * testPiece, latency: 5 * time.Millisecond, speed: mbps}
	synctest.Test(t, func(t *testing.T) {
		d := newDownloads(t, f, 0)
		var all sync.WaitGroup
		for range many {
			all.Go(func() {
				r, err := d.Open(t.Context(), "a", 0)
				if err == nil {
					_, err = r.WriteTo(&taker{stripe: stripe(r.Info().Version), after: func(int64) error {
						if _, parts := d.memory.Free(); parts < readBudget*3/4-readBudget/8 {
							t.Errorf("downloads hold more than half of a quarter: %d bytes are free", parts)
						}
						return nil
					}})
				}
				if err != nil || r.Close() != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		require.Greater(t, f.open.most, many)
		require.LessOrEqual(t, f.open.most, many+8)
		d.requireNothingHeld(t)
		require.NoError(t, d.Close())
	})
}

func TestUploadsThatWaitComeBeforeWhatIsReadAhead(t *testing.T) {
	downloading(t, &far{size: 100 * testPiece, speed: mbps}, func(t *testing.T, d *downloads) {
		for _, short := range []bool{true, false} {
			release := func() {}
			if short {
				release = d.memory.Occupy(t)
			}
			r, err := d.Open(t.Context(), "a", 0)
			require.NoError(t, err)
			_, err = r.WriteTo(&taker{stripe: stripe(r.Info().Version)})
			require.NoError(t, err)
			require.NoError(t, r.Close())
			require.Equal(t, short, len(d.asked()) == 1)
			release()
			d.requireNothingHeld(t)
		}
	})
}

func TestAPieceThatBreaksOffIsResumed(t *testing.T) {
	for _, broken := range []error{errReset, io.EOF, io.ErrUnexpectedEOF, down("read")} {
		for _, after := range []int64{0, 1, testPiece / 2, testPiece - 1} {
			f := &far{size: 60*testPiece + 99, latency: 5 * time.Millisecond, speed: mbps}
			f.breaks = func(n int, off, _ int64) (int64, error) {
				if (off+int64(n))%3 == 0 {
					return after, broken
				}
				return 0, nil
			}
			f.fault = func(n int, off int64) error { // so never more than two in a row without a byte
				if (off+int64(n))%7 == 0 {
					return down("read")
				}
				return nil
			}
			downloading(t, f, func(t *testing.T, d *downloads) {
				require.NoError(t, d.fetch(t, 0, &taker{}))
				require.Greater(t, d.open.most, 1)
			})
		}
	}
}

func TestAPieceThatFails(t *testing.T) {
	for _, kind := range []backends.Kind{backends.ErrUnavailable, backends.ErrPermission, backends.ErrNotExist} {
		f := &far{size: 60 * testPiece, latency: 5 * time.Millisecond, speed: mbps}
		f.fault = func(_ int, off int64) error {
			if off >= 20*testPiece && off < 21*testPiece {
				return backends.NewError("read", "a", kind, nil)
			}
			return nil
		}
		downloading(t, f, func(t *testing.T, d *downloads) {
			client := &taker{}
			require.ErrorIs(t, d.fetch(t, 0, client), kind)
			require.Equal(t, int64(20*testPiece), client.off, "all that lies before it")
		})
	}
}

func TestPiecesAreOfOneVersion(t *testing.T) {
	downloading(t, &far{size: 100 * testPiece, latency: 5 * time.Millisecond, speed: mbps}, func(t *testing.T, d *downloads) {
		for _, at := range []int64{0, testPiece, 3 * testPiece, 50 * testPiece} {
			client := &taker{after: func(off int64) error {
				if off > at && off <= at+backends.ChunkSize {
					d.replace()
				}
				return nil
			}}
			require.ErrorIs(t, d.fetch(t, 0, client), backends.ErrChanged)
			require.Greater(t, client.off, at)
			require.NoError(t, d.fetch(t, 0, &taker{}))
		}
	})
}

func TestClosingEndsWhatIsReadAhead(t *testing.T) {
	for _, at := range []int64{1, 3 * testPiece, 3*testPiece + 1, 50 * testPiece} {
		f := &far{size: 100 * testPiece, latency: 5 * time.Millisecond, speed: mbps}
		downloading(t, f, func(t *testing.T, d *downloads) {
			client := &taker{after: func(off int64) error {
				if off >= at {
					return errReset
				}
				return nil
			}}
			require.ErrorIs(t, d.fetch(t, 0, client), errReset)
		})
		f = &far{size: 100 * testPiece, speed: mbps}
		f.answer = func(ctx context.Context, off int64) bool {
			if off > 0 {
				<-ctx.Done() // a store that does not answer at all
			}
			return off == 0
		}
		downloading(t, f, func(t *testing.T, d *downloads) {
			r, err := d.Open(t.Context(), "a", 0)
			require.NoError(t, err)
			_, err = io.ReadFull(r, make([]byte, 3*testPiece))
			require.NoError(t, err)
			require.Greater(t, len(d.asked()), 1)
			require.NoError(t, r.Close())
			d.requireNothingHeld(t)
		})
	}
}

func TestPiecesEndWithTheContext(t *testing.T) {
	f := &far{size: 100 * testPiece, speed: mbps}
	f.answer = func(ctx context.Context, off int64) bool {
		if off > 0 {
			<-ctx.Done()
		}
		return off == 0
	}
	downloading(t, f, func(t *testing.T, d *downloads) {
		gone := errors.New("client gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		r, err := d.Open(ctx, "a", 0)
		require.NoError(t, err)
		done := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, r)
			done <- err
		}()
		time.Sleep(time.Hour) // it waits for the first piece
		cancel(gone)
		require.ErrorIs(t, <-done, gone)
		require.NoError(t, r.Close())
		d.requireNothingHeld(t)
	})
}

// Slow, fast and broken stores, and clients that change their speed, break off, or read in
// pieces of any size: what they get is a beginning of the object, and all of it if nobody said otherwise.
func TestRandomDownloads(t *testing.T) {
	for range 30 {
		seed := rand.Uint64()
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { randomDownloads(t, rand.New(rand.NewPCG(seed, 0))) })
		})
	}
}

func randomDownloads(t *testing.T, random *rand.Rand) {
	t.Helper()
	var mu sync.Mutex // of random
	oneIn := func(n int) bool {
		mu.Lock()
		defer mu.Unlock()
		return random.IntN(n) == 0
	}
	upTo := func(n int64) int64 {
		mu.Lock()
		defer mu.Unlock()
		return random.Int64N(n + 1)
	}
	f := &far{
		size:    upTo(60 * testPiece),
		latency: time.Duration(upTo(50)) * time.Millisecond,
		speed:   []float64{0, mbps, 10 * mbps, 200 * mbps}[upTo(3)],
	}
	const most = 6 // failures in a row without a byte: with one more a download gives up
	f.breaks = func(n int, off, end int64) (int64, error) {
		if n <= most && oneIn(3) {
			return upTo(end - off), []error{errReset, io.EOF}[upTo(1)]
		}
		return 0, nil
	}
	f.fault = func(n int, _ int64) error {
		if n <= most && oneIn(10) {
			return down("read")
		}
		return nil
	}
	d := newDownloads(t, f, int(upTo(6)))
	for range 3 {
		off := upTo(f.size)
		breaks := int64(-1)
		if oneIn(3) {
			breaks = off + upTo(f.size-off)
		}
		r, err := d.Open(t.Context(), "a", off)
		if err != nil {
			continue
		}
		client := &taker{stripe: stripe(r.Info().Version), off: off, speed: func(int64) float64 {
			return []float64{0, 0, 2 * mbps, mbps / 2}[upTo(3)]
		}}
		for err == nil && client.off != breaks {
			var n int
			buf := make([]byte, 1+upTo(3*backends.ChunkSize))
			if breaks >= 0 {
				buf = buf[:min(int64(len(buf)), breaks-client.off)]
			}
			n, err = r.Read(buf)
			_, wrong := client.Write(buf[:n])
			require.NoError(t, wrong)
		}
		require.NoError(t, r.Close())
		d.requireNothingHeld(t)
		if err != nil || breaks < 0 {
			require.Equal(t, io.EOF, err)
			require.Equal(t, f.size, client.off)
		}
	}
	require.NoError(t, d.Close())
}

// A copy through an upload has both ends in one budget.
func TestAnUploadFromADownloadInTheSameMemory(t *testing.T) {
	downloading(t, &far{size: 50 * testPiece, speed: mbps}, func(t *testing.T, d *downloads) {
		b := backends.NewStore("other", memstore.New(memstore.Options{}), backends.StoreOptions{Memory: d.memory, PartSize: partSize})
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() {
				r, err := d.Open(t.Context(), "a", 0)
				if err != nil {
					t.Error(err)
					return
				}
				upload(t, b, fmt.Sprint("copy", i), r)
				_ = r.Close()
			})
		}
		all.Wait()
		for i := range 6 {
			r, err := b.Open(t.Context(), fmt.Sprint("copy", i), 0)
			require.NoError(t, err)
			_, err = r.WriteTo(&taker{stripe: stripe("v0")})
			require.NoError(t, err)
			require.NoError(t, r.Close())
		}
		require.NoError(t, b.Close())
		d.requireNothingHeld(t)
	})
}
