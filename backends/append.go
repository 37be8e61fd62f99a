package backends

import (
	"context"
	"errors"
)

const (
	// appendTries is how often an append looks for the end of its object. In this process the
	// second try succeeds, as appends come one after the other; the others are for writers elsewhere.
	appendTries = 10

	// appendMemory is the budget of all appends of a store that try again. It is one of its own:
	// their new bytes keep what they hold of the other, and nobody may wait there for the same.
	appendMemory = MinMemory
)

// appends is what the appending Writers of one store share.
type appends struct {
	locks  KeyLocks // held while one publishes, never while a client sends
	memory *Memory  // of those that try again
	plan   partPlan // for that memory
}

func newAppends(limits Limits, partSize int64) *appends {
	a := &appends{memory: NewMemory(appendMemory)}
	a.plan = newPartPlan(limits, partSize, a.memory.largest)
	return a
}

// appending reports whether w writes behind whatever its object holds when it is committed.
func (w *Writer) appending() bool {
	return w.opts.Append && w.opts.Offset == 0 && !w.opts.IfAbsent && w.store.appends != nil
}

// openKept opens the bytes that are kept. An append keeps those of a newer object if there is one
// by now; nil if none of them are to be read.
func (w *Writer) openKept() (*Reader, error) {
	for try := 1; ; try++ {
		w.unread = false
		r, err := w.store.open(w.ctx, w.key, w.old.Version, 0, w.kept)
		if replaced := lostRace(err) || errors.Is(err, ErrNotExist); !replaced || !w.appending() || try == appendTries {
			return r, err
		}
		if err := w.lookAgain(); err != nil || !w.unread {
			return nil, err
		}
	}
}

// lookAgain continues what the object is by now. Nothing has been read or added yet.
func (w *Writer) lookAgain() error {
	old, err := w.store.driver.Stat(w.ctx, w.key)
	absent := errors.Is(err, ErrNotExist)
	if err != nil && !absent {
		return err
	}
	must, write := w.store.divide(conditions{ifAbsent: absent, ifVersion: old.Version})
	w.must, w.write.IfAbsent, w.write.IfVersion = must, write.IfAbsent, write.IfVersion
	if absent {
		w.old, w.kept = nil, 0
		return nil
	}
	w.keep(old, old.Size)
	return nil
}

// publishBehind publishes an append. If another writer was faster, and the new bytes are all
// still in memory, they are written behind the other's.
func (w *Writer) publishBehind(ctx context.Context) (Info, error) {
	unlock, err := w.store.appends.locks.Lock(w.ctx, w.key)
	if err != nil {
		return Info{}, w.failure()
	}
	defer unlock()
	info, err := w.publish(ctx)
	for try := 1; try < appendTries && lostRace(err) && w.allHeld(); try++ {
		w.outrun = true
		info, err = w.publishAgain(ctx)
	}
	return info, err
}

// lostRace reports whether err says that another writer was faster.
func lostRace(err error) bool { return errors.Is(err, ErrChanged) || errors.Is(err, ErrExist) }

// partOffset returns the offset in the object at which w.part begins.
func (w *Writer) partOffset() int64 { return w.size - w.part.size }

// allHeld reports whether all that was added to the kept bytes is in w.part.
func (w *Writer) allHeld() bool { return w.partOffset() <= w.kept }

// publishAgain writes the new bytes behind what the object holds by now.
func (w *Writer) publishAgain(ctx context.Context) (Info, error) {
	s := *w.store
	s.memory, s.plan, s.appends = s.appends.memory, s.appends.plan, nil
	again, err := s.Create(w.parent, w.key, w.opts)
	if err != nil {
		return Info{}, err
	}
	added := &bufferReader{chunks: w.part.chunks, size: w.part.size, off: w.kept - w.partOffset()}
	if _, err := again.ReadFrom(added); err != nil {
		return Info{}, errors.Join(err, again.Abort(ctx))
	}
	return again.Commit(ctx)
}
