package gcsstore

import (
	"context"
	"net/http"
	"time"

	"cloud.google.com/go/storage"
)

// A write whose answer is lost has happened or it has not, and trying it again does not tell:
// the second create-only insert finds its own object in the way, and of a last try that fails too
// nobody knows. So every write carries a token in the object's metadata, and whoever is in doubt
// asks the key for it.

const (
	// answerGrace is how long a write that cannot be taken back waits for its answer when its
	// context ends.
	answerGrace = 5 * time.Second
	// resolveTimeout bounds what is asked after that.
	resolveTimeout = 10 * time.Second
	// cleanupTimeout is for deleting the parts of an upload: thousands, some dozens at a time.
	cleanupTimeout = time.Minute
)

// lasting returns a context that ends answerGrace after ctx does. Inserts have a finer one of their own.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(answerGrace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// after returns a context for what is done once a request has failed, even if ctx ended it.
func after(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), timeout)
}

// landed returns the object at key if it is that of token, although its write failed; else nil.
func (d *Driver) landed(ctx context.Context, key, token string) *storage.ObjectAttrs {
	ctx, cancel := after(ctx, resolveTimeout)
	defer cancel()
	attrs, err := d.attrs(ctx, key, "")
	if err != nil || attrs.Metadata[metaToken] != token {
		return nil
	}
	return attrs
}

// deleted looks whether key is gone, although nothing was said to its deletion.
func (d *Driver) deleted(ctx context.Context, key string) bool {
	ctx, cancel := after(ctx, resolveTimeout)
	defer cancel()
	_, err := d.attrs(ctx, key, "")
	return statusOf(err) == http.StatusNotFound && !noBucket(err)
}
