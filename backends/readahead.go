package backends

import (
	"context"
	"sync"
	"time"
)

const (
	// defaultParallelReads is as many streams as a client's line is usually worth: one of an
	// object store is at some 50 MB/s where the line is at 1 or 2 Gbit/s.
	defaultParallelReads = 4

	// pieceSize makes the time until a store answers, some 30 ms, the lesser part of a request,
	// and lets a few downloads read ahead in little memory.
	pieceSize = 4 << 20

	// watchedPieces is how long a single stream is watched before more join, in pieces: long
	// enough for the beginning of a connection not to count for all of it.
	watchedPieces = 2

	// worthPieces is how much must be left for more to join, in pieces: with less, the
	// connection that is given up costs as much as is won.
	worthPieces = 4

	// fastStream is the speed, in bytes a second, of a stream that more are not to join even if
	// the client is faster still: a store nearby, or one that has no more to give.
	fastStream = 128 << 20
)

// readAhead is what one Reader reads ahead.
//
// A download begins with one plain stream. When the client has waited for the store for most of
// the time that two pieces took, streams join it: each of a piece of the object further on, into
// memory. The plain stream goes on up to the first of these, and is then closed; the pieces are
// read in their order, and behind them new ones begin. Their number is doubled as long as the
// client still waits, and becomes one less when it does not. So a slow client has no more than a
// plain stream, nor has one for whom there is no memory: when no piece is left, the rest is read
// by a plain stream.
//
// Memory for a piece is taken as a whole and without waiting, before it is asked for: no
// download waits for memory, and none holds any that an upload has been promised.
type readAhead struct {
	reader *Reader
	watch  watch
	width  int      // streams that there are to be
	pieces []*piece // in their order; the first may have been read in part

	ctx     context.Context // of all pieces; nil before the first
	cancel  context.CancelFunc
	fetches sync.WaitGroup
}

// read reads from the first piece, and says how long it waited for the store.
func (a *readAhead) read(p []byte) (n int, waited time.Duration, err error) {
	asked := time.Now()
	n, err = a.pieces[0].Read(p)
	return n, time.Since(asked), err
}

// adjust looks before each Read whether a stream has come to its end, and whether there should
// be more of them or fewer.
func (a *readAhead) adjust() {
	r := a.reader
	ended := a.endStream()
	window := int64(max(a.width, watchedPieces)) * r.store.piece
	switch {
	case a.watch.bytes < window:
		if ended {
			a.widen(a.width)
		}
	case a.watch.storeIsSlow(a.width):
		a.widen(min(2*a.width, r.store.parallelReads))
		a.watch.begin()
	default:
		a.widen(max(a.width-1, 1))
		a.watch.begin()
	}
	if a.underWay() == 0 {
		r.plain = &stream{store: r.store, ctx: r.ctx, info: r.info, off: r.off, end: r.end}
		a.watch.begin()
	}
}

// endStream ends the stream of which all has been read, and reports whether there is one.
func (a *readAhead) endStream() bool {
	r := a.reader
	switch {
	case r.plain == nil && r.off == a.pieces[0].end:
		a.pieces[0].release()
		a.pieces = a.pieces[1:]
	case r.plain != nil && r.off == r.plain.end:
		_ = r.plain.close() // what the store has sent beyond is dropped
		r.plain = nil
	default:
		return false
	}
	return true
}

// underWay returns the number of streams, with those of pieces that are complete.
func (a *readAhead) underWay() int {
	if a.reader.plain == nil {
		return len(a.pieces)
	}
	return len(a.pieces) + 1
}

// widen begins pieces until there are so many streams, or no memory for more, or no bytes.
func (a *readAhead) widen(width int) {
	for a.underWay() < width && a.beginPiece() {
		continue
	}
	a.width = min(width, max(a.underWay(), 1))
}

func (a *readAhead) beginPiece() bool {
	r, size := a.reader, a.reader.store.piece
	var off int64
	switch {
	case len(a.pieces) > 0:
		off = a.pieces[len(a.pieces)-1].end
	case r.plain != nil && r.end-r.off >= worthPieces*size:
		off = r.off + size
	default:
		return false
	}
	if off == r.end {
		return false
	}
	p := newPiece(r.store.memory, off, min(off+size, r.end))
	if p == nil {
		return false
	}
	if len(a.pieces) == 0 {
		a.join(off)
	}
	a.pieces = append(a.pieces, p)
	s := &stream{store: r.store, ctx: a.ctx, info: r.info, off: off, end: p.end}
	a.fetches.Go(func() { p.fetch(s) })
	return true
}

// join lets the plain stream end where the first piece begins.
func (a *readAhead) join(off int64) {
	r := a.reader
	r.plain.end = off
	if a.ctx == nil {
		a.ctx, a.cancel = context.WithCancel(r.ctx)
	}
	r.store.log.DebugContext(r.ctx, "the store is slower than the client, reading ahead", "key", r.info.Key, "offset", off)
}

// close ends all pieces, and waits until they have ended.
func (a *readAhead) close() {
	if a.ctx == nil {
		return
	}
	a.cancel()
	for _, p := range a.pieces {
		p.release()
	}
	a.pieces = nil
	a.fetches.Wait()
}

// watch measures whether a client waits for the store or the store for the client.
type watch struct {
	bytes  int64
	store  time.Duration // that the client waited for
	client time.Duration // that the store waited for
	since  time.Time     // of the last answer; zero before the first
}

// begin forgets what was, but not since when the client has been busy.
func (w *watch) begin() { *w = watch{since: w.since} }

func (w *watch) asked() {
	if !w.since.IsZero() {
		w.client += time.Since(w.since)
	}
}

func (w *watch) answered(n int, waited time.Duration) {
	w.bytes += int64(n)
	w.store += waited
	w.since = time.Now()
}

// storeIsSlow reports whether more streams than there were would serve the client better.
func (w *watch) storeIsSlow(streams int) bool {
	return w.store > w.client && float64(w.bytes) < w.store.Seconds()*fastStream*float64(streams)
}
