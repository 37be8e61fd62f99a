package backends

import (
	"context"
	"slices"
	"strings"
	"sync"
)

// KeyLocks serialises the writers of one key in this process, so that a condition that was checked
// still holds when the write takes effect. It holds an entry for each key that is being written,
// and no more. The zero value works.
type KeyLocks struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	users int           // that hold it or wait for it
	free  chan struct{} // holds one token while nobody has the lock
}

// Lock locks all keys, or none if ctx ends before. A folder and a file of one name share a lock.
func (l *KeyLocks) Lock(ctx context.Context, keys ...string) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	names := make([]string, len(keys))
	for i, key := range keys {
		names[i] = strings.TrimSuffix(key, "/")
	}
	slices.Sort(names) // one order for all, so that two that want the same keys never wait for each other
	names = slices.Compact(names)

	for i, name := range names {
		if err := l.acquire(ctx, name); err != nil {
			l.release(names[:i])
			return nil, err
		}
	}
	return func() { l.release(names) }, nil
}

func (l *KeyLocks) acquire(ctx context.Context, name string) error {
	l.mu.Lock()
	k := l.held[name]
	if k == nil {
		k = &keyLock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		if l.held == nil {
			l.held = make(map[string]*keyLock)
		}
		l.held[name] = k
	}
	k.users++
	l.mu.Unlock()

	select {
	case <-k.free:
		return nil
	case <-ctx.Done():
		l.leave(name)
		return ctx.Err()
	}
}

func (l *KeyLocks) release(names []string) {
	for _, name := range names {
		l.mu.Lock()
		k := l.held[name]
		l.mu.Unlock()
		k.free <- struct{}{}
		l.leave(name)
	}
}

// leave forgets the lock of name once nobody has or wants it.
func (l *KeyLocks) leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[name]
	if k.users--; k.users == 0 {
		delete(l.held, name)
	}
}
