package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/tidegate/tidegate/backends"
)

// The pauses between checks of a store that cannot be used: short at first, for one that starts
// together with this process, then so long that a broken one is no load.
const (
	firstCheckPause = time.Second
	maxCheckPause   = time.Minute
)

// checkTimeout bounds one check: a store behind a dead route answers nothing at all.
const checkTimeout = 30 * time.Second

var errNotChecked = errors.New("not checked yet")

// health is what is known of the stores.
type health struct {
	stores   map[string]*backends.Store
	suspects map[string]chan struct{} // by name; holds one at the most

	mu       sync.Mutex
	problems map[string]error // of the stores that were last seen unusable, by name
}

func newHealth(stores map[string]*backends.Store) *health {
	h := &health{stores: stores, suspects: make(map[string]chan struct{}), problems: make(map[string]error)}
	for name := range stores {
		h.suspects[name] = make(chan struct{}, 1)
		h.problems[name] = errNotChecked
	}
	return h
}

// suspect has a store checked again that was usable and then failed a user. A healthy store is
// not checked otherwise: a check costs money.
func (h *health) suspect(name string) {
	select {
	case h.suspects[name] <- struct{}{}:
	default: // it is suspected already
	}
}

func (h *health) set(name string, problem error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if problem == nil {
		delete(h.problems, name)
	} else {
		h.problems[name] = problem
	}
}

// unusable reports whether a store was seen to be unusable when it was last checked.
func (h *health) unusable(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	problem := h.problems[name]
	return problem != nil && !errors.Is(problem, errNotChecked)
}

// StoresReady returns nil if every store was usable when WatchStores last checked it, and else
// what is wrong with which store.
func (g *Gateway) StoresReady() error {
	h := g.health
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(h.problems)) {
		errs = append(errs, fmt.Errorf("store %s: %w", name, h.problems[name]))
	}
	return errors.Join(errs...)
}

// WatchStores checks every store until it can be used, and again when it has failed a user, and
// logs those that cannot be used. Meanwhile users may log in and hear 451 of what they try. It
// returns when ctx ends.
func (g *Gateway) WatchStores(ctx context.Context) {
	var watchers sync.WaitGroup
	for name, store := range g.health.stores {
		watchers.Go(func() { g.watch(ctx, name, store) })
	}
	watchers.Wait()
}

func (g *Gateway) watch(ctx context.Context, name string, store *backends.Store) {
	log := g.log.With("store", name)
	for g.untilUsable(ctx, log, name, store) {
		select {
		case <-g.health.suspects[name]:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(jitter(firstCheckPause)): // many failures at once are one check
		case <-ctx.Done():
			return
		}
	}
}

// untilUsable checks the store until it can be used; false if ctx ends before.
func (g *Gateway) untilUsable(ctx context.Context, log *slog.Logger, name string, store *backends.Store) bool {
	told := "" // the problem that was logged last
	for pause := firstCheckPause; ; pause = min(2*pause, maxCheckPause) {
		err := checkStore(ctx, store)
		if ctx.Err() != nil {
			return false
		}
		g.health.set(name, err)
		if err == nil {
			logUsable(log, told != "")
			return true
		}
		if err.Error() != told || pause == maxCheckPause {
			told = err.Error()
			log.Error("store cannot be used; will try again", "err", err)
		}
		select {
		case <-time.After(jitter(pause)):
		case <-ctx.Done():
			return false
		}
	}
}

func logUsable(log *slog.Logger, recovered bool) {
	if recovered {
		log.Info("store can be used again")
	} else {
		log.Debug("store can be used")
	}
}

func checkStore(ctx context.Context, store *backends.Store) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return store.Check(ctx)
}

// jitter spreads the checks of many processes that saw a store fail at the same moment.
func jitter(pause time.Duration) time.Duration {
	return pause/2 + rand.N(pause/2) //nolint:gosec // nothing secret
}
