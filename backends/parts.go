package backends

import (
	"context"
	"errors"
	"sync"
)

// parts stores the parts of one upload while its Writer fills the next. Its first failure ends
// the context, for the Writer to hear of it.
type parts struct {
	ctx   context.Context
	fail  context.CancelCauseFunc
	slots chan struct{} // one for each part under way
	work  sync.WaitGroup

	started chan struct{} // closed when StartUpload has returned
	upload  Upload        // then; nil if there is none to be ended

	mu     sync.Mutex
	stored []Part
}

// startParts starts the upload in the background. StartUpload may outlive ctx: an upload that
// the store began, and nobody knows of, could not be aborted.
func startParts(ctx context.Context, fail context.CancelCauseFunc, d Driver, key string, opts WriteOptions, parallel int) *parts {
	p := &parts{ctx: ctx, fail: fail, slots: make(chan struct{}, parallel), started: make(chan struct{})}
	p.work.Go(func() {
		defer close(p.started)
		ctx, cancel := Outliving(ctx, grace)
		defer cancel()
		upload, err := d.StartUpload(ctx, key, opts)
		if err != nil {
			fail(err)
			upload = unended(err)
		}
		p.upload = upload
	})
	return p
}

// put stores part in the background, and frees it then. It waits until there are few enough
// under way. If it fails, part is still the caller's.
func (p *parts) put(part *buffer) error {
	if err := p.enter(); err != nil {
		return err
	}
	number := p.next()
	p.work.Go(func() {
		defer p.leave()
		p.store(number, part)
		part.release()
	})
	return nil
}

// putLast stores part while the caller waits, and leaves it to the caller.
func (p *parts) putLast(part *buffer) error {
	if err := p.enter(); err != nil {
		return err
	}
	defer p.leave()
	p.store(p.next(), part)
	return p.ctx.Err()
}

// enter waits until there are few enough parts under way.
func (p *parts) enter() error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func (p *parts) leave() { <-p.slots }

func (p *parts) store(number int, part *buffer) {
	stored, err := p.putOne(number, part.body())
	if err != nil {
		p.fail(err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored[number-1] = stored
}

// next returns the number of the next part, and makes room for it.
func (p *parts) next() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stored = append(p.stored, Part{})
	return len(p.stored)
}

func (p *parts) putOne(number int, body Body) (Part, error) {
	select {
	case <-p.started:
	case <-p.ctx.Done():
		return Part{}, p.ctx.Err()
	}
	if err := p.ctx.Err(); err != nil { // of an upload that could not be started, too
		return Part{}, err
	}
	return p.upload.PutPart(p.ctx, number, body)
}

// wait returns when all parts are stored, or when the upload has failed.
func (p *parts) wait() error {
	for range cap(p.slots) {
		if err := p.enter(); err != nil {
			return err
		}
	}
	select {
	case <-p.started:
	case <-p.ctx.Done():
	}
	return p.ctx.Err()
}

// commit publishes the parts. It is called after wait.
func (p *parts) commit(ctx context.Context, opts CommitOptions) (Info, error) {
	return p.upload.Commit(ctx, p.stored, opts)
}

// unended returns the upload that err has left in the store, nil for none.
func unended(err error) Upload {
	if left := (*UnendedError)(nil); errors.As(err, &left) {
		return left.Upload
	}
	return nil
}
