package backendtest

import (
	"context"
	"errors"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

var errCut = errors.New("the process was killed")

// cutDriver is a driver as a process sees it that is killed: after so many calls nothing reaches the
// store any more, and of the last one that did the answer may be lost. Reading changes nothing, and
// is not counted: it would only cost time to be cut there too.
type cutDriver struct {
	backends.Driver
	loseLast bool

	mu   sync.Mutex
	left int // calls
}

// hasCut reports whether a call did not reach the store.
func (d *cutDriver) hasCut() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.left < 0
}

// cutCall makes one call, if it still reaches the store.
func cutCall[T any](d *cutDriver, call func() (T, error)) (T, error) {
	d.mu.Lock()
	d.left--
	left := d.left
	d.mu.Unlock()
	var nothing T
	lost := backends.NewError("cut", "", backends.ErrUnavailable, errCut)
	if left < 0 {
		return nothing, lost
	}
	answer, err := call()
	if d.loseLast && left == 0 {
		return nothing, lost
	}
	return answer, err
}

func (d *cutDriver) Stat(ctx context.Context, key string) (backends.Info, error) {
	return cutCall(d, func() (backends.Info, error) { return d.Driver.Stat(ctx, key) })
}

func (d *cutDriver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	return cutCall(d, func() (backends.Page, error) { return d.Driver.ListPage(ctx, opts) })
}

func (d *cutDriver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	return cutCall(d, func() (backends.Info, error) { return d.Driver.Put(ctx, key, body, opts) })
}

func (d *cutDriver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	return cutCall(d, func() (backends.Info, error) { return d.Driver.Copy(ctx, dst, src, opts) })
}

func (d *cutDriver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	return cutCall(d, func() (backends.Info, error) { return d.Driver.Move(ctx, dst, src, opts) })
}

func (d *cutDriver) Delete(ctx context.Context, targets []backends.Target) error {
	_, err := cutCall(d, func() (struct{}, error) { return struct{}{}, d.Driver.Delete(ctx, targets) })
	return err
}
