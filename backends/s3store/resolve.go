package s3store

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidegate/tidegate/backends"
)

// A write whose answer is lost has happened or it has not, and trying it again does not tell:
// the second Complete of an upload finds no upload, the second create-only Put finds its own
// object in the way. So such a write carries a token in the object's metadata, and whoever is
// in doubt asks the key for it.

const (
	// answerGrace is how long a write that cannot be taken back waits for its answer when its
	// context ends.
	answerGrace = 5 * time.Second
	// resolveTimeout and cleanupTimeout bound what is asked and tidied up after that.
	resolveTimeout = 10 * time.Second
	cleanupTimeout = 10 * time.Second
)

// lasting returns a context that ends answerGrace after ctx does.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(answerGrace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

// landed looks whether the write of token made the object at key, although it failed with err.
func (d *Driver) landed(ctx context.Context, key, token string, err error) (backends.Info, bool) {
	if token == "" || !inDoubt(err) {
		return backends.Info{}, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	head, err := d.head(ctx, key, "")
	if err != nil || head.Metadata[metaToken] != token {
		return backends.Info{}, false
	}
	return infoOf(key, head), true
}

// inDoubt reports whether a write that failed with err may have happened: the answer is
// missing or the store's own failure, or it is what a second try finds after a first that
// succeeded.
func inDoubt(err error) bool {
	switch status := statusOf(err); status {
	case 0, http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return true
	default:
		return status >= http.StatusInternalServerError
	}
}

// head asks for the object at key, of a version or ("") any.
func (d *Driver) head(ctx context.Context, key, version string) (*s3.HeadObjectOutput, error) {
	return d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: d.bucket(), Key: &key, IfMatch: pinned(version)})
}
