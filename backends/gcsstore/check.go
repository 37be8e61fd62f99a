package gcsstore

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/tidegate/tidegate/backends"
)

// checkTimeout bounds a Check, whose caller tries again by itself.
const checkTimeout = 15 * time.Second

// Check implements backends.Driver. It lists one object, which few roles have no right to; to look at
// the bucket itself most have none. A second request asks whether one who may not list may write.
func (d *Driver) Check(ctx context.Context) error {
	const op = "check"
	if err := d.admit(ctx, op, "", backends.WriteOptions{}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var found []*storage.ObjectAttrs
	_, err := iterator.NewPager(d.bucket.Objects(ctx, &storage.Query{Projection: storage.ProjectionNoACL}), 1, "").NextPage(&found)
	if statusOf(err) == http.StatusForbidden && kindOf(err) == backends.ErrPermission {
		if d.mayWrite(ctx) {
			return nil
		}
		return d.failAs(backends.ErrPermission, "these credentials may neither list the bucket nor write to it", op, "", err)
	}
	var sending *url.Error
	switch {
	case err == nil:
		return nil
	case hint(err) == "" && statusOf(err) == 0 && errors.As(err, &sending):
		return d.failAs(backends.ErrUnavailable, "it cannot be reached", op, "", err)
	}
	return d.fail(op, "", err)
}

// mayWrite asks for the rights of these credentials. Everyone may ask that.
func (d *Driver) mayWrite(ctx context.Context) bool {
	const create = "storage.objects.create"
	held, err := d.bucket.IAM().TestPermissions(ctx, []string{create})
	return err == nil && slices.Contains(held, create)
}
