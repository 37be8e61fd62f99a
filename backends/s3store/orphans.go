package s3store

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/tidegate/tidegate/backends"
)

// A CreateMultipartUpload whose answer is lost may have made an upload. Its name is lost with
// the answer, so that nobody could end it, and it would be stored and paid for ever. The store
// does not say who began an upload, so orphans are known by this: they are of the key, were
// begun while the answer was being waited for, and are none that this process knows by name.
//
// That may hit the upload of another process that was begun for the same key in those seconds.
// It hears NoSuchUpload, answers its client 4xx, and publishes nothing; what the key holds is
// untouched. Of two that write one key at one time, one loses in any case.

// clockSlack is what ages told by a store may be wrong: its Date, and often the time at which an
// upload was begun, are in whole seconds.
const clockSlack = 2 * time.Second

// window is when requests were made whose answers are lost; zero for none.
type window struct{ first, last time.Time }

func (w *window) widen(begun time.Time) {
	if w.first.IsZero() {
		w.first = begun
	}
	w.last = time.Now()
}

// holds reports whether something of an age, as the store tells it, was begun in the window.
// Ages are compared, not times: the clocks here and there may differ.
func (w window) holds(age time.Duration) bool {
	return !w.first.IsZero() && age >= time.Since(w.last)-clockSlack && age <= time.Since(w.first)+clockSlack
}

// begin makes the upload in the store. The SDK would try again without a thought for what the
// try before may have left.
func (u *upload) begin(ctx context.Context, in *s3.CreateMultipartUploadInput) error {
	retryer := u.driver.client.Options().Retryer
	for attempt := 1; ; attempt++ {
		err := u.tryBegin(ctx, in)
		if err == nil || attempt == retryer.MaxAttempts() || !retryer.IsErrorRetryable(err) {
			return err
		}
		delay, stop := retryer.RetryDelay(attempt, err)
		if stop != nil || smithytime.SleepWithContext(ctx, delay) != nil {
			return err
		}
	}
}

func (u *upload) tryBegin(ctx context.Context, in *s3.CreateMultipartUploadInput) error {
	// Where listing is refused, an upload without a trace is better than none.
	if err := u.sweep(ctx, once); err != nil && unanswered(err) {
		return err
	}
	own := u.driver.own.hold(u.key)
	defer u.driver.own.release(u.key)
	own.creating.RLock()
	defer own.creating.RUnlock()
	answered, cancel := backends.Outliving(ctx, answerGrace)
	defer cancel()
	begun := time.Now()
	out, err := u.driver.client.CreateMultipartUpload(answered, in, once)
	if err != nil {
		if unanswered(err) && sent(err) {
			u.lost.widen(begun)
		}
		return err
	}
	u.id = aws.ToString(out.UploadId)
	u.driver.own.add(u.key, u.id)
	return nil
}

// sent reports whether a request that failed may have reached the store.
func sent(err error) bool {
	var dial *net.OpError
	var role *roleError
	if errors.As(err, &dial) && dial.Op == "dial" || errors.As(err, &role) {
		return false
	}
	var cancelled *smithy.CanceledError // the SDK's word for all that a context has ended
	return statusOf(err) != 0 || unreached(err) || errors.As(err, &cancelled)
}

// sweep ends the uploads whose names were lost by u.
func (u *upload) sweep(ctx context.Context, options ...func(*s3.Options)) error {
	if u.lost == (window{}) {
		return nil
	}
	orphans, err := u.orphans(ctx, options...)
	if err != nil {
		return err
	}
	for _, id := range orphans {
		if err := u.end(ctx, id, options...); err != nil {
			return err
		}
	}
	u.lost = window{}
	return nil
}

// orphans lists while no upload to the key is being made by this process, so that it knows by
// name all of its own that are on the list. It asks as the owner: a policy can allow the listing
// of all uploads or of none.
func (u *upload) orphans(ctx context.Context, options ...func(*s3.Options)) ([]string, error) {
	d := u.driver
	own := d.own.hold(u.key)
	defer d.own.release(u.key)
	own.creating.Lock()
	defer own.creating.Unlock()

	var orphans []string
	in := &s3.ListMultipartUploadsInput{Bucket: d.bucket(), Prefix: aws.String(d.listablePrefix(u.key)), EncodingType: types.EncodingTypeUrl}
	for {
		out, err := d.owner.ListMultipartUploads(ctx, in, options...)
		if err != nil {
			return nil, err
		}
		now, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
		if !ok {
			now = time.Now()
		}
		for _, found := range out.Uploads {
			key, err := url.QueryUnescape(aws.ToString(found.Key))
			if err != nil || key != u.key {
				if d.traits.directory {
					continue
				}
				return orphans, nil // the key itself is the first that begins with it
			}
			id := aws.ToString(found.UploadId)
			if u.lost.holds(now.Sub(aws.ToTime(found.Initiated))) && !d.own.has(u.key, id) {
				orphans = append(orphans, id)
			}
		}
		if !aws.ToBool(out.IsTruncated) || len(out.Uploads) == 0 {
			return orphans, nil
		}
		in.KeyMarker, in.UploadIdMarker = &u.key, out.NextUploadIdMarker
		if d.traits.directory {
			in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, nil // no key there, but a token
		}
	}
}

// end aborts the upload id of u's key.
func (u *upload) end(ctx context.Context, id string, options ...func(*s3.Options)) error {
	_, err := u.driver.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: u.driver.bucket(), Key: &u.key, UploadId: &id}, options...)
	if kindOf(err) == backends.ErrUploadGone {
		return nil
	}
	return err
}

// ownUploads are the open uploads that this process knows by name.
type ownUploads struct {
	mu   sync.Mutex
	keys map[string]*keyUploads
}

// keyUploads are those of one key.
type keyUploads struct {
	creating sync.RWMutex        // held for reading while one is made
	ids      map[string]struct{} // guarded by ownUploads.mu, as is
	holders  int
}

// hold returns the uploads of key. They are kept until release, and as long as there are any.
func (o *ownUploads) hold(key string) *keyUploads {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := o.keys[key]
	if k == nil {
		k = &keyUploads{ids: make(map[string]struct{})}
		if o.keys == nil {
			o.keys = make(map[string]*keyUploads)
		}
		o.keys[key] = k
	}
	k.holders++
	return k
}

func (o *ownUploads) release(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys[key].holders--
	o.forget(key)
}

// add makes id known. It is for those who hold key.
func (o *ownUploads) add(key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keys[key].ids[id] = struct{}{}
}

// remove forgets id, which has ended or shall be.
func (o *ownUploads) remove(key, id string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if k := o.keys[key]; k != nil {
		delete(k.ids, id)
		o.forget(key)
	}
}

func (o *ownUploads) has(key, id string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, known := o.keys[key].ids[id]
	return known
}

// forget drops a key that nobody needs.
func (o *ownUploads) forget(key string) {
	if k := o.keys[key]; k.holders == 0 && len(k.ids) == 0 {
		delete(o.keys, key)
	}
}
