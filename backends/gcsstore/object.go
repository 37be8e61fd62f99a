package gcsstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

// defaultType is what the store calls bytes that nobody has said more of. The library would guess.
const defaultType = "application/octet-stream"

// Stat implements backends.Driver.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	const op = "stat"
	if err := d.admit(ctx, op, key, backends.WriteOptions{}); err != nil {
		return backends.Info{}, err
	}
	attrs, err := d.attrs(ctx, key, "")
	if err != nil {
		return backends.Info{}, d.fail(op, key, err)
	}
	return infoOf(attrs), nil
}

// attrs asks for the object at key, of a version or ("") any.
func (d *Driver) attrs(ctx context.Context, key, version string) (attrs *storage.ObjectAttrs, err error) {
	handle := pinned(d.object(key), version)
	_, err = d.retry(ctx, func() error {
		attrs, err = handle.Attrs(ctx)
		return err
	})
	return attrs, err
}

// Put implements backends.Driver.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	const op = "put"
	if err := d.admit(ctx, op, key, opts); err != nil {
		return backends.Info{}, err
	}
	if opts.Base != nil {
		return backends.Info{}, backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	token := newToken()
	attrs, doubt, err := d.insert(ctx, under(d.object(key), opts), body, storage.ObjectAttrs{
		Name:          key,
		ContentType:   opts.ContentType,
		Metadata:      signed(opts, token),
		StorageClass:  d.class(opts),
		PredefinedACL: d.opts.ACL,
	})
	if err != nil && doubt {
		if landed := d.landed(ctx, key, token); landed != nil {
			attrs, err = landed, nil
		}
	}
	if err != nil {
		if kindOf(err) == backends.ErrNotExist && opts.IfVersion == "" {
			err = errors.Join(storage.ErrBucketNotExist, err) // an insert finds nothing else missing
		}
		return backends.Info{}, d.failWrite(op, key, opts, err)
	}
	return infoOf(attrs), nil
}

// class is the storage class of a write.
func (d *Driver) class(opts backends.WriteOptions) string {
	if opts.StorageClass != "" {
		return opts.StorageClass
	}
	return d.opts.StorageClass
}

// insert writes an object in one request, and again where that may help.
func (d *Driver) insert(ctx context.Context, handle *storage.ObjectHandle, body backends.Body, attrs storage.ObjectAttrs) (made *storage.ObjectAttrs, doubt bool, err error) {
	if body.Sum>>32 != 0 {
		return nil, false, errSum
	}
	if attrs.ContentType == "" {
		attrs.ContentType = defaultType
	}
	attrs.KMSKeyName, attrs.CRC32C = d.opts.KMSKey, uint32(body.Sum)
	doubt, err = d.retry(ctx, func() error {
		made, err = insertOnce(ctx, handle, body, attrs)
		return err
	})
	return made, doubt, err
}

// insertOnce reads body through a pipe, whose write end is here: nothing reads it any more once
// the call has returned.
//
// Only Close makes an object of the bytes, of all or, after an error, of those before it. So a context
// that ends before is the end of the request, and of the object there is nothing. After it, the answer
// is waited for a while: who hears of no part deletes none.
func insertOnce(ctx context.Context, handle *storage.ObjectHandle, body backends.Body, attrs storage.ObjectAttrs) (*storage.ObjectAttrs, error) {
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	request, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var mu sync.Mutex
	closing := false
	stop := context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if closing {
			time.AfterFunc(answerGrace, cancel)
		} else {
			cancel()
		}
	})
	defer stop()

	w := handle.NewWriter(request)
	w.ObjectAttrs, w.SendCRC32C = attrs, true
	w.ChunkSize = 0 // all in one request, and no buffer
	if _, err := io.Copy(w, body.ReadSeeker); err != nil {
		return nil, err
	}
	mu.Lock()
	closing = request.Err() == nil
	mu.Unlock()
	if !closing {
		return nil, request.Err()
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return w.Attrs(), nil
}

// Delete implements backends.Driver.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	const op = "delete"
	if err := d.admit(ctx, op, "", backends.WriteOptions{}); err != nil {
		return err
	}
	if len(targets) > deleteBatch {
		return backends.NewError(op, "", backends.ErrInvalid, fmt.Errorf("%d keys in one call", len(targets)))
	}
	handles := make([]*storage.ObjectHandle, len(targets))
	for i, target := range targets {
		handles[i] = pinned(d.bucket.Object(target.Key), target.Version)
	}
	return d.deleteAll(ctx, handles)
}

// deleteAll joins the errors of all objects.
func (d *Driver) deleteAll(ctx context.Context, handles []*storage.ObjectHandle) error {
	errs := make([]error, len(handles))
	var group errgroup.Group
	group.SetLimit(parallelDeletes)
	for i, handle := range handles {
		group.Go(func() error {
			errs[i] = d.deleteOne(ctx, handle)
			return nil
		})
	}
	_ = group.Wait() // errs has more
	return errors.Join(errs...)
}

func (d *Driver) deleteOne(ctx context.Context, handle *storage.ObjectHandle) error {
	key := handle.ObjectName()
	doubt, err := d.retry(ctx, func() error { return handle.Delete(ctx) })
	switch {
	case err == nil, doubt && statusOf(err) == http.StatusNotFound, unanswered(err) && d.deleted(ctx, key):
		return nil
	}
	return d.fail("delete", key, err)
}
