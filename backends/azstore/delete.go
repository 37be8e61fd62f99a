package azstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

// parallelDeletes of one Delete are under way at once.
const parallelDeletes = 16

// Delete implements backends.Driver. Each target is a request of its own: Azure's batches are counted
// and throttled like what is in them, and take no SAS of a container that does not allow them.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	const op = "delete"
	if err := d.admit(ctx, op, ""); err != nil {
		return err
	}
	if len(targets) > maxDelete {
		return backends.NewError(op, "", backends.ErrInvalid, fmt.Errorf("%d keys in one call", len(targets)))
	}
	errs := make([]error, len(targets))
	var group errgroup.Group
	group.SetLimit(parallelDeletes)
	if d.opts.Hierarchical {
		group.SetLimit(1) // what is in a folder comes before it
	}
	for i, target := range targets {
		group.Go(func() error {
			errs[i] = d.deleteOne(ctx, op, target)
			return nil
		})
	}
	_ = group.Wait() // all errors are in errs
	return errors.Join(errs...)
}

func (d *Driver) deleteOne(ctx context.Context, op string, target backends.Target) error {
	key := target.Key
	if err := d.admit(ctx, op, key); err != nil {
		return err
	}
	if !strings.HasSuffix(key, "/") {
		return d.deleteBlob(ctx, op, key, key, target.Version)
	}
	return d.deleteMarker(ctx, op, target)
}

// deleteMarker removes what marks a folder: a blob "dir/", or a blob "dir" that says so, or both.
func (d *Driver) deleteMarker(ctx context.Context, op string, target backends.Target) error {
	key, name := target.Key, strings.TrimSuffix(target.Key, "/")
	other, err := d.head(ctx, name, "")
	found := err == nil && isFolder(other.meta)
	if d.opts.Hierarchical {
		err = backends.NewError(op, key, backends.ErrNotExist, nil)
	} else {
		err = d.deleteBlob(ctx, op, key, key, target.Version)
	}
	if !found || err != nil && !errors.Is(err, backends.ErrNotExist) {
		return err
	}
	pinned := version(other.ETag) // what has become a file since stays
	if err != nil && target.Version != "" {
		pinned = target.Version
	}
	if d.opts.Hierarchical {
		return d.deleteDirectory(ctx, op, key, name, pinned)
	}
	return d.deleteBlob(ctx, op, key, name, pinned)
}

// deleteBlob removes a blob and its snapshots, which nobody could reach without it.
func (d *Driver) deleteBlob(ctx context.Context, op, key, name, version string) error {
	return d.delete(ctx, op, key, name, &blob.DeleteOptions{
		DeleteSnapshots:  to.Ptr(blob.DeleteSnapshotsOptionTypeInclude),
		AccessConditions: exactly(version),
	})
}

// deleteDirectory removes an empty directory of a hierarchical account.
func (d *Driver) deleteDirectory(ctx context.Context, op, key, name, version string) error {
	return d.delete(context.WithValue(ctx, removeKey{}, true), op, key, name, &blob.DeleteOptions{AccessConditions: exactly(version)})
}

func (d *Driver) delete(ctx context.Context, op, key, name string, opts *blob.DeleteOptions) error {
	var tries atomic.Int32
	_, err := d.blob(name).Delete(counted(ctx, &tries), opts)
	if err == nil || d.deleted(ctx, name, err) {
		return nil
	}
	err = d.absent(ctx, name, err)
	if tries.Load() > 1 && kindOf(err) == backends.ErrNotExist {
		return nil // by a try whose answer was lost
	}
	return d.fail(op, key, err)
}

type removeKey struct{}

// removing makes of a Delete Blob the Path Delete for directories, which the blob endpoint refuses. It
// comes before the policy that signs.
func removing(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	if raw.Context().Value(removeKey{}) == nil {
		return req.Next()
	}
	askOther(raw, "recursive", "false")
	resp, err := req.Next()
	if err == nil && resp.StatusCode == http.StatusOK {
		resp.StatusCode = http.StatusAccepted // as it is with a blob
	}
	return resp, err
}
