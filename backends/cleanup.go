package backends

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// abortPatience is how long a client waits for its failed upload to be ended in the store.
	// One that works needs milliseconds; for one that does not, nobody shall wait.
	abortPatience = 2 * time.Second
	// cleanupPeriod is how long an upload that could not be ended is tried again: a store that
	// takes longer to come back has its operator's attention, and the log tells what is left.
	cleanupPeriod = 15 * time.Minute
	// minCleanupDelay doubles up to maxCleanupDelay for as long as the store is away.
	minCleanupDelay = time.Second
	maxCleanupDelay = 30 * time.Second
	// maxLeftovers is how many wait, at about a kilobyte each: more than the large uploads that
	// one gateway has under way.
	maxLeftovers = 10_000
	// closeTimeout bounds what Store.Close waits for them, and for the store.
	closeTimeout = 10 * time.Second
)

// cleaner ends failed uploads in the store, behind their clients' backs. Those that fail wait in
// a queue, and are tried one after the other: a store that has just come back has more to do.
type cleaner struct {
	log  *slog.Logger
	ctx  context.Context // of all requests
	end  context.CancelFunc
	open context.Context // ends when nothing is to be waited for any longer
	shut context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	waiting []leftover
	running bool // somebody tries them
}

// leftover is an upload that could not be ended.
type leftover struct {
	key    string
	upload Upload
	until  time.Time // when to give up
}

func newCleaner(log *slog.Logger) *cleaner {
	c := &cleaner{log: log}
	c.ctx, c.end = context.WithCancel(context.Background())
	c.open, c.shut = context.WithCancel(c.ctx)
	return c
}

// clean ends an upload as soon as its parts allow, and returns where the result of the first try
// is told. There are no more such tries than failed uploads of the last minute: what an upload
// waits for ends within grace, and so does the try.
func (c *cleaner) clean(key string, p *parts) <-chan error {
	result := make(chan error, 1)
	c.work.Go(func() {
		p.work.Wait()
		if p.upload == nil {
			result <- nil
			return
		}
		err := c.abort(p.upload)
		result <- err
		if err != nil {
			c.add(key, p.upload, err)
		}
	})
	return result
}

func (c *cleaner) abort(u Upload) error {
	ctx, cancel := context.WithTimeout(c.ctx, grace)
	defer cancel()
	return u.Abort(ctx)
}

// add has an upload tried again that could not be ended for err.
func (c *cleaner) add(key string, u Upload, err error) {
	c.log.Warn("a failed upload could not be ended in the store yet", "key", key, "err", err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= maxLeftovers {
		c.giveUp(key, u, err)
		return
	}
	c.waiting = append(c.waiting, leftover{key, u, time.Now().Add(cleanupPeriod)})
	if !c.running {
		c.running = true
		c.work.Go(c.run)
	}
}

func (c *cleaner) run() {
	for delay := minCleanupDelay; ; {
		last := c.pause(delay)
		next, ok := c.next()
		if !ok {
			return
		}
		err := c.abort(next.upload)
		switch {
		case err == nil:
			delay = 0
			continue
		case last || refused(err) || !time.Now().Before(next.until):
			c.giveUp(next.key, next.upload, err)
		default:
			c.putBack(next)
		}
		delay = min(max(2*delay, minCleanupDelay), maxCleanupDelay)
	}
}

// pause waits, and reports whether there will be no later: the store is being closed.
func (c *cleaner) pause(delay time.Duration) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false
	case <-c.open.Done():
		return true
	}
}

func (c *cleaner) next() (leftover, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting, c.running = nil, false
		return leftover{}, false
	}
	next := c.waiting[0]
	c.waiting = c.waiting[1:]
	return next, true
}

func (c *cleaner) putBack(l leftover) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, l)
}

func (c *cleaner) giveUp(key string, u Upload, err error) {
	c.log.Error("an unfinished upload is left in the store", "key", key, "upload", u.ID(), "err", err)
}

// refused reports whether another try of what failed with err is of no use.
func refused(err error) bool {
	kind := KindOf(err)
	return kind == ErrPermission || kind == ErrUnsupported
}

// close tries all that waits once more, and returns when nothing is under way. It is called when
// no upload is.
func (c *cleaner) close() {
	c.shut()
	overdue := time.AfterFunc(closeTimeout, c.end)
	defer overdue.Stop()
	c.work.Wait()
	c.end()
}
