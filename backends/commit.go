package backends

import (
	"context"
	"errors"
	"time"
)

// grace is how long a request may go on for an upload whose client has gone: one that ends the
// upload in the store, or one that must not be cut short, because nobody would know then whether
// it had taken effect.
const grace = 30 * time.Second

var (
	errAborted = errors.New("the upload was aborted")
	errUnended = errors.New("the store has not said yet that the upload has ended")
)

// Commit publishes the object as a whole, and returns when it is durable and visible. When it
// fails, what the key held is unchanged, and the upload is ended as Abort does. When ctx ends, a
// publishing request that is already under way has half a minute to tell its result.
func (w *Writer) Commit(ctx context.Context) (Info, error) {
	if w.ended {
		return Info{}, NewError("commit", w.key, ErrUploadGone, nil)
	}
	w.ended = true
	stop := context.AfterFunc(ctx, func() { w.cancel(context.Cause(ctx)) })
	publish := w.publish
	if w.appending() {
		publish = w.publishBehind
	}
	info, err := publish(ctx)
	stop()
	w.cancel(errAborted)
	if err != nil {
		return Info{}, errors.Join(err, w.cleanUp(ctx))
	}
	if w.outrun && w.parts != nil {
		w.store.cleaner.clean(w.key, w.parts) // the client need not wait for it
	}
	w.part.release()
	return info, nil
}

func (w *Writer) publish(ctx context.Context) (Info, error) {
	if err := w.failure(); err != nil {
		return Info{}, err
	}
	if w.old != nil && w.kept == w.old.Size && !w.added && w.parts == nil {
		return *w.old, nil // nothing was appended
	}
	if err := w.readKept(); err != nil {
		return Info{}, err
	}
	if !w.single() {
		return w.publishParts(ctx)
	}
	if err := w.lastCheck(ctx); err != nil {
		return Info{}, err
	}
	ctx, cancel := Outliving(ctx, grace)
	defer cancel()
	write, sum := w.write, w.sha256()
	write.Metadata = w.metadataWith(sum)
	info, err := w.store.driver.Put(ctx, w.key, w.part.body(), write)
	info.Metadata = joined(info.Metadata, sum)
	return info, err
}

func (w *Writer) publishParts(ctx context.Context) (Info, error) {
	if w.part.size > 0 {
		w.startParts()
		if err := w.parts.putLast(w.part); err != nil {
			return Info{}, w.failure()
		}
		if !w.appending() { // which may need the bytes again
			w.part.release()
		}
	}
	w.startParts()
	if err := w.parts.wait(); err != nil {
		return Info{}, w.failure()
	}
	if err := w.lastCheck(ctx); err != nil {
		return Info{}, err
	}
	ctx, cancel := Outliving(ctx, grace)
	defer cancel()
	opts, sum := CommitOptions{Size: w.size, Sum: w.sumWithPart(), HasSum: w.hasSum}, w.sha256()
	kept := w.store.caps.Has(CapMetadata | CapCommitMetadata)
	if kept {
		opts.Metadata = sum
	}
	info, err := w.parts.commit(ctx, opts)
	if err == nil && !kept {
		info = w.addSHA256(ctx, info, sum)
	}
	info.Metadata = joined(info.Metadata, sum)
	return info, err
}

// lastCheck is done a moment before the object is published.
func (w *Writer) lastCheck(ctx context.Context) error {
	if ctx.Err() != nil {
		w.cancel(context.Cause(ctx))
	}
	if err := w.failure(); err != nil {
		return err
	}
	return w.store.check(w.ctx, w.key, w.must)
}

// Abort ends the upload without publishing it; what the key held is unchanged. It returns nil when
// nothing of the upload is left in the store. Where that takes more than a moment, or fails, it
// returns an error, and the Store goes on trying for some minutes. After a Commit or Abort it
// does nothing.
func (w *Writer) Abort(ctx context.Context) error {
	if w.ended {
		return nil
	}
	w.ended = true
	w.cancel(errAborted)
	return w.cleanUp(ctx)
}

// cleanUp frees what the upload holds, here and in the store. w.ctx has ended.
func (w *Writer) cleanUp(ctx context.Context) error {
	w.part.release()
	if w.parts == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, abortPatience, errUnended)
	defer cancel()
	select {
	case err := <-w.store.cleaner.clean(w.key, w.parts):
		return err
	case <-ctx.Done():
		return NewError("abort", w.key, ErrUnknown, context.Cause(ctx))
	}
}

// Outliving returns a context that ends some time after ctx, for a request that must not be cut
// short with it.
func Outliving(ctx context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-longer.Done():
		}
	})
	return longer, func() {
		stop()
		cancel()
	}
}
