package azstore

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/tidegate/tidegate/backends"
)

// A write whose answer is lost has happened or it has not, and trying it again does not tell: the
// second create-only Put finds its own object in the way, a second rename finds no source, and of a
// last try that fails too nobody knows. So every write carries a token in the blob's metadata, and
// whoever is in doubt asks the key for it.

const (
	// answerGrace is how long a write that cannot be taken back waits for its answer when its
	// context ends.
	answerGrace = 5 * time.Second
	// resolveTimeout and cleanupTimeout bound what is asked and tidied up after that.
	resolveTimeout = 10 * time.Second
	cleanupTimeout = 10 * time.Second
)

// newToken returns a name for one write.
func newToken() string { return rand.Text() }

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
	head, err := d.head(ctx, d.name(key), "")
	if err != nil || head.meta[metaToken] != token {
		return backends.Info{}, false
	}
	return head.info(key), true
}

// inDoubt reports whether a write that failed with err may have happened: nothing was said of
// it, or it is what a second try finds after a first that succeeded.
func inDoubt(err error) bool {
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return true
	}
	return codeOf(err) == codeInvalidBlockList || unanswered(err)
}

// unanswered reports whether err leaves open what the store has done: there was no answer, it
// was cut off, or it is the failure of the store or of a proxy on the way.
func unanswered(err error) bool {
	status := statusOf(err)
	return !identityError(err) && (status < http.StatusMultipleChoices || status >= http.StatusInternalServerError)
}

// deleted looks whether the blob is gone, although its deletion failed with err.
func (d *Driver) deleted(ctx context.Context, name string, err error) bool {
	if !unanswered(err) {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	_, err = d.head(ctx, name, "")
	return kindOf(err) == backends.ErrNotExist
}

// absent makes of a failed condition on a version that nothing is there, if that is so. Azure says it
// by itself, its emulator does not.
func (d *Driver) absent(ctx context.Context, name string, err error) error {
	if kindOf(err) == backends.ErrChanged {
		if _, headErr := d.head(ctx, name, ""); kindOf(headErr) == backends.ErrNotExist {
			return headErr
		}
	}
	return err
}

// properties are those of a blob, by its own name.
type properties struct {
	blob.GetPropertiesResponse
	name string
	meta map[string]string
}

// head asks for the blob of a name, of a version or ("") any.
func (d *Driver) head(ctx context.Context, name, version string) (properties, error) {
	head, err := d.blob(name).GetProperties(ctx, &blob.GetPropertiesOptions{AccessConditions: exactly(version), CPKInfo: d.encrypt.key})
	return properties{GetPropertiesResponse: head, name: name, meta: plain(head.Metadata)}, err
}

func (p properties) info(key string) backends.Info {
	return backends.Info{
		Key:      key,
		Size:     deref(p.ContentLength),
		ModTime:  modTime(p.meta, p.LastModified),
		Version:  version(p.ETag),
		MD5:      p.ContentMD5,
		Metadata: others(p.meta),
	}
}
