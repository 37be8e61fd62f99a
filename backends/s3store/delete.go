package s3store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

// parallelHeads look at the same time what a batch whose answer was lost has left.
const parallelHeads = 16

// Delete implements backends.Driver. MinIO takes no notice of a version.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	const op = "delete"
	if err := d.admit(ctx, op, ""); err != nil {
		return err
	}
	if len(targets) > maxPage {
		return backends.NewError(op, "", backends.ErrInvalid, fmt.Errorf("%d keys in one call", len(targets)))
	}
	var errs []error
	var batch []backends.Target
	for _, target := range targets {
		if len(targets) == 1 || !inXML(target.Key) {
			errs = append(errs, d.deleteOne(ctx, target))
		} else {
			batch = append(batch, target)
		}
	}
	if len(batch) > 0 {
		errs = append(errs, d.deleteBatch(ctx, batch)...)
	}
	return errors.Join(errs...)
}

func (d *Driver) deleteOne(ctx context.Context, target backends.Target) error {
	_, err := d.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: d.bucket(), Key: &target.Key, IfMatch: pinned(target.Version)})
	if err == nil || kindOf(err) == backends.ErrNotExist {
		return nil
	}
	return errors.Join(d.undeleted(ctx, []backends.Target{target}, err)...)
}

func (d *Driver) deleteBatch(ctx context.Context, batch []backends.Target) (errs []error) {
	objects := make([]types.ObjectIdentifier, len(batch))
	for i, target := range batch {
		objects[i] = types.ObjectIdentifier{Key: &target.Key, ETag: pinned(target.Version)}
	}
	out, err := d.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: d.bucket(),
		Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	}, withMD5)
	if err != nil {
		return d.undeleted(ctx, batch, err)
	}
	for _, e := range out.Errors {
		key, err := aws.ToString(e.Key), &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Message)}
		switch kindOf(err) {
		case backends.ErrNotExist:
		case backends.ErrChanged:
			errs = append(errs, d.undeleted(ctx, backends.Targets(key), err)...)
		default:
			errs = append(errs, d.fail("delete", key, err))
		}
	}
	return errs
}

// undeleted returns an error for each of targets that is still there after its deletion failed
// with err. The store is asked where it has not answered, and where a version was not there: it
// says the same of another version and of none. It is asked once, because it may be away.
func (d *Driver) undeleted(ctx context.Context, targets []backends.Target, err error) []error {
	errs := make([]error, len(targets))
	for i, target := range targets {
		errs[i] = d.fail("delete", target.Key, err)
	}
	if !unanswered(err) && kindOf(err) != backends.ErrChanged {
		return errs
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelHeads)
	for i, target := range targets {
		group.Go(func() error {
			head, err := d.head(ctx, target.Key, "", once)
			switch {
			case kindOf(err) == backends.ErrNotExist:
				errs[i] = nil
			case err != nil:
				return err
			case target.Version != "" && version(head.ETag) != target.Version:
				errs[i] = backends.NewError("delete", target.Key, backends.ErrChanged, nil)
			}
			return nil
		})
	}
	_ = group.Wait() // those that were not answered for keep their error
	return errs
}

// withMD5 adds the Content-MD5 that stores older than the SDK's own checksum ask for.
func withMD5(o *s3.Options) {
	o.APIOptions = append(o.APIOptions, smithyhttp.AddContentChecksumMiddleware)
}

// inXML reports whether the XML of a batch can carry key. The encoder would replace what it
// cannot, and another object would be deleted. Directory buckets take neither control characters
// nor blanks alone.
func inXML(key string) bool {
	return strings.TrimSpace(key) != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return unicode.IsControl(r) || r == utf8.RuneError || r == 0xFFFE || r == 0xFFFF
	})
}
