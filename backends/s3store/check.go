package s3store

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tidegate/tidegate/backends"
)

// checkTimeout bounds a Check, whose caller tries again by itself.
const checkTimeout = 15 * time.Second

// Check implements backends.Driver. It is one HEAD of the bucket, and a second request where
// the answer does not say enough.
func (d *Driver) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := d.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: d.bucket()}, once)
	switch statusOf(err) {
	case http.StatusBadRequest, http.StatusForbidden:
		err = d.mayWrite(ctx)
	}
	if err == nil {
		return nil
	}

	kind, hint := kindOf(err), d.hint(err)
	switch {
	case statusOf(err) == http.StatusNotFound:
		kind, hint = backends.ErrUnavailable, hintNoBucket
	case kind == backends.ErrPermission:
		hint = "these credentials may neither list the bucket nor write to it"
	case unreached(err):
		hint = "it cannot be reached"
	}
	return d.failAs(kind, hint, "check", "", err)
}

// mayWrite asks whether the bucket takes uploads, without one: a part for an upload that there
// is not. A write-only user is refused the HEAD of a bucket, but told here that the upload is
// missing. All others are told why they are refused, which the answer to a HEAD has no room for.
func (d *Driver) mayWrite(ctx context.Context) error {
	_, err := d.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket:     d.bucket(),
		Key:        aws.String(backends.StatePrefix + "check"),
		UploadId:   aws.String("check"),
		PartNumber: aws.Int32(1),
	}, once)
	if codeOf(err) == codeNoSuchUpload {
		return nil
	}
	return err
}

// unreached reports whether a request was made and no answer came: what fails before that is a
// matter of credentials.
func unreached(err error) bool {
	var send *smithyhttp.RequestSendError
	return errors.As(err, &send)
}

// once lets a call be tried a single time.
func once(o *s3.Options) { o.Retryer = aws.NopRetryer{} }
