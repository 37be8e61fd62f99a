package s3store

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// A write whose answer is lost has happened or it has not, and trying it again does not tell:
// the second Complete of an upload finds no upload, the second create-only Put finds its own
// object in the way, and of a last try that fails too nobody knows. So every write carries a
// token in the object's metadata, and whoever is in doubt asks the key for it.

const (
	// answerGrace is how long a write that cannot be taken back waits for its answer when its
	// context ends.
	answerGrace = 5 * time.Second
	// resolveTimeout and cleanupTimeout bound what is asked and tidied up after that.
	resolveTimeout = 10 * time.Second
	cleanupTimeout = 10 * time.Second
)

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

// inDoubt reports whether a write that failed with err may have happened: nothing was said of
// it, or it is what a second try finds after a first that succeeded.
func inDoubt(err error) bool {
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusConflict, http.StatusPreconditionFailed:
		return true
	}
	return unanswered(err)
}

// unanswered reports whether err leaves open what the store has done: there was no answer, it
// was cut off, or it is the failure of the store or of a proxy on the way.
func unanswered(err error) bool {
	status := statusOf(err)
	return status < http.StatusMultipleChoices || status >= http.StatusInternalServerError
}

// copied looks whether a copy that failed with err has been made all the same. It has if dst
// holds what the write that made the source has written: the token is copied with the rest.
func (d *Driver) copied(ctx context.Context, dst string, src backends.Info, err error) (backends.Info, bool) {
	if !unanswered(err) {
		return backends.Info{}, false
	}
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	head, headErr := d.head(asked, src.Key, src.Version)
	if headErr != nil {
		return backends.Info{}, false
	}
	return d.landed(ctx, dst, head.Metadata[metaToken], err)
}

// head asks for the object at key, of a version or ("") any.
func (d *Driver) head(ctx context.Context, key, version string, options ...func(*s3.Options)) (*s3.HeadObjectOutput, error) {
	out, err := d.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: d.bucket(), Key: &key, IfMatch: pinned(version)}, options...)
	if err != nil {
		return nil, d.orAbsent(ctx, key, err)
	}
	return out, named(out.ETag)
}

// named returns an error for an answer without an ETag, which no store gives for an object: a
// write on condition that this is the version would be one without a condition.
func named(etag *string) error {
	if version(etag) == "" {
		return transport.ErrForeign
	}
	return nil
}

// orAbsent returns err, or that there is no object at key. AWS says 403 of what is absent to
// those who may not list the bucket, and counts those who may list their prefixes among them.
func (d *Driver) orAbsent(ctx context.Context, key string, err error) error {
	if !d.scoped || kindOf(err) != backends.ErrPermission {
		return err
	}
	page, listErr := d.ListPage(ctx, backends.ListOptions{Prefix: key, Recursive: true, Max: 1})
	if listErr != nil || len(page.Entries) > 0 && page.Entries[0].Key == key {
		return err
	}
	return fmt.Errorf("%w: %w", &types.NotFound{}, err)
}
