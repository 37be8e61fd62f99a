package s3store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/tidegate/tidegate/backends"
)

// Stat implements backends.Driver. It does not ask for the checksum, which would take the
// right to decrypt where objects are encrypted.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	if err := d.admit(ctx, "stat", key); err != nil {
		return backends.Info{}, err
	}
	head, err := d.head(ctx, key, "")
	if err != nil {
		return backends.Info{}, d.fail("stat", key, err)
	}
	return infoOf(key, head), nil
}

func infoOf(key string, head *s3.HeadObjectOutput) backends.Info {
	return backends.Info{
		Key:     key,
		Size:    aws.ToInt64(head.ContentLength),
		ModTime: modTime(head.Metadata, head.LastModified),
		Version: version(head.ETag),
	}
}

// Put implements backends.Driver.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	const op = "put"
	if err := d.admit(ctx, op, key); err != nil {
		return backends.Info{}, err
	}
	if opts.Base != nil {
		return backends.Info{}, backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	crc, verify, err := d.verified(body, d.declares())
	if err != nil {
		return backends.Info{}, d.fail(op, key, err)
	}
	token := newToken()
	answered, cancel := lasting(ctx)
	defer cancel()
	out, err := d.client.PutObject(answered, &s3.PutObjectInput{
		Bucket:            d.bucket(),
		Key:               &key,
		Body:              body,
		ContentLength:     &body.Size,
		ContentType:       optional(opts.ContentType),
		ChecksumCRC64NVME: crc,
		IfNoneMatch:       absent(opts),
		IfMatch:           pinned(opts.IfVersion),
		Metadata:          metadata(opts, token),
	}, verify)
	if err != nil {
		if info, ok := d.landed(ctx, key, token, err); ok {
			return info, nil
		}
		return backends.Info{}, d.failWrite(op, key, opts, err)
	}
	return backends.Info{
		Key:     key,
		Size:    body.Size,
		ModTime: written(opts, out.ResultMetadata),
		Version: version(out.ETag),
		Sum:     body.Sum,
		HasSum:  d.declares(),
	}, nil
}

// declares reports whether bodies are sent with their CRC64NVME, unless they cannot be.
func (d *Driver) declares() bool { return d.checksum() == backends.CRC64NVME }

// written returns the time of an object just written.
func written(opts backends.WriteOptions, answer middleware.Metadata) time.Time {
	if !opts.ModTime.IsZero() {
		return opts.ModTime
	}
	if t, ok := awsmiddleware.GetServerTime(answer); ok {
		return t
	}
	return time.Now()
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// absent is the If-None-Match of a write.
func absent(opts backends.WriteOptions) *string {
	if opts.IfAbsent {
		return aws.String("*")
	}
	return nil
}

// Delete implements backends.Driver.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	const op = "delete"
	if err := d.admit(ctx, op, ""); err != nil {
		return err
	}
	if len(targets) > maxPage {
		return backends.NewError(op, "", backends.ErrInvalid, fmt.Errorf("%d keys in one call", len(targets)))
	}
	var errs []error
	var batch []types.ObjectIdentifier
	for _, target := range targets {
		if len(targets) == 1 || !inXML(target.Key) {
			errs = append(errs, d.deleteOne(ctx, target))
		} else {
			batch = append(batch, types.ObjectIdentifier{Key: &target.Key, ETag: pinned(target.Version)})
		}
	}
	if len(batch) > 0 {
		errs = append(errs, d.deleteBatch(ctx, batch)...)
	}
	return errors.Join(errs...)
}

func (d *Driver) deleteOne(ctx context.Context, target backends.Target) error {
	key := target.Key
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: d.bucket(), Key: &key, IfMatch: pinned(target.Version)})
	if err != nil && kindOf(err) != backends.ErrNotExist && !d.deleted(ctx, key, err) {
		return d.fail("delete", key, err)
	}
	return nil
}

func (d *Driver) deleteBatch(ctx context.Context, batch []types.ObjectIdentifier) (errs []error) {
	out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: d.bucket(),
		Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)},
	}, withMD5)
	if err != nil {
		for _, o := range batch {
			errs = append(errs, d.fail("delete", *o.Key, err))
		}
		return errs
	}
	for _, e := range out.Errors {
		err := &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}
		if kindOf(err) != backends.ErrNotExist {
			errs = append(errs, d.fail("delete", aws.ToString(e.Key), err))
		}
	}
	return errs
}

// withMD5 adds the Content-MD5 that stores older than the SDK's own checksum ask for.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
}

// inXML reports whether XML can carry key. The encoder would replace what it cannot, and
// another object would be deleted.
func inXML(key string) bool {
	return !strings.ContainsFunc(key, func(r rune) bool {
		return r < ' ' || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF
	})
}
