// Package memstore is a store in memory: for tests, and the plainest reading of the driver
// contract. What it holds ends with the process.
package memstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/tidegate/tidegate/backends"
)

// Options says what kind of store to imitate. The zero value is an object store with every
// ability, 1 byte parts and S3's other limits.
type Options struct {
	Folders bool                   // folders exist by themselves, as on a disk
	AnyKey  bool                   // every key is taken that is short enough, of any bytes
	Without backends.Caps          // abilities it shall lack
	Limits  func(*backends.Limits) // changes the default limits; may be nil
}

// The default limits are those of S3, but for the least part: one byte makes small tests.
func defaultLimits() backends.Limits {
	return backends.Limits{
		MaxObject:   5 << 40,
		MaxPut:      5 << 30,
		MinPart:     1,
		MaxPart:     5 << 30,
		MaxParts:    10_000,
		MinBase:     1,
		MaxKey:      1024,
		DeleteBatch: 1000,
		Checksum:    backends.CRC64NVME,
	}
}

// Driver is an open store.
type Driver struct {
	caps   backends.Caps
	limits backends.Limits
	anyKey bool
	bucket *bucket
}

var _ backends.Driver = (*Driver)(nil)

// New returns an empty store.
func New(opts Options) *Driver {
	d := &Driver{
		caps: backends.CapParallelParts | backends.CapResume | backends.CapBase | backends.CapBasePart | backends.CapCopy |
			backends.CapMove | backends.CapIfAbsent | backends.CapIfVersion |
			backends.CapTellsAbsent | backends.CapMetadata | backends.CapCommitMetadata |
			backends.CapTags | backends.CapStorageClass,
		limits: defaultLimits(),
		anyKey: opts.AnyKey,
		bucket: newBucket(),
	}
	if opts.Folders {
		d.caps |= backends.CapFolders
		d.bucket.folders = true
	}
	d.caps &^= opts.Without
	if opts.Limits != nil {
		opts.Limits(&d.limits)
	}
	return d
}

// Reopen returns a second driver of the same store, as another process would open it.
func (d *Driver) Reopen() *Driver {
	again := *d
	return &again
}

// Left returns all keys the store holds, and all unfinished uploads.
func (d *Driver) Left() (keys, uploads []string) { return d.bucket.left() }

// Describe implements backends.Driver.
func (d *Driver) Describe() (backends.Caps, backends.Limits) { return d.caps, d.limits }

// CheckKey implements backends.Driver.
func (d *Driver) CheckKey(key string) error {
	if d.anyKey && key != "" && len(key) <= d.limits.MaxKey {
		return nil
	}
	return backends.CheckKey(key, d.limits.MaxKey, 0)
}

// Check implements backends.Driver.
func (d *Driver) Check(ctx context.Context) error {
	return d.admit(ctx, "check", "", backends.WriteOptions{})
}

// Close implements backends.Driver.
func (d *Driver) Close() error { return nil }

// Stat implements backends.Driver.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	if err := d.admit(ctx, "stat", key, backends.WriteOptions{}); err != nil {
		return backends.Info{}, err
	}
	o, err := d.bucket.get("stat", key, "")
	if err != nil {
		return backends.Info{}, err
	}
	return o.info, nil
}

// ListPage implements backends.Driver.
func (d *Driver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	if err := d.admit(ctx, "list", "", backends.WriteOptions{}); err != nil {
		return backends.Page{}, err
	}
	return d.bucket.list(opts), nil
}

// ReadRange implements backends.Driver.
func (d *Driver) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	if err := d.admit(ctx, "read", key, backends.WriteOptions{}); err != nil {
		return nil, backends.Info{}, err
	}
	o, err := d.bucket.get("read", key, version)
	if err != nil {
		return nil, backends.Info{}, err
	}
	if off < 0 || off > o.info.Size {
		return nil, backends.Info{}, backends.NewError("read", key, backends.ErrRange, nil)
	}
	data := o.data[off:]
	if n >= 0 && n < int64(len(data)) {
		data = data[:n]
	}
	return io.NopCloser(bytes.NewReader(data)), o.info, nil
}

// Put implements backends.Driver.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.admit(ctx, "put", key, opts); err != nil {
		return backends.Info{}, err
	}
	if opts.Base != nil {
		return backends.Info{}, backends.NewError("put", key, backends.ErrUnsupported, nil)
	}
	if body.Size > d.limits.MaxPut || body.Size > d.limits.MaxObject {
		return backends.Info{}, backends.NewError("put", key, backends.ErrTooLarge, nil)
	}
	data, err := d.take("put", key, body)
	if err != nil {
		return backends.Info{}, err
	}
	return d.bucket.put("put", key, d.object(data, body.Sum, opts), opts)
}

// Copy implements backends.Driver.
func (d *Driver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.admitCopy(ctx, "copy", backends.CapCopy, dst, opts); err != nil {
		return backends.Info{}, err
	}
	return d.bucket.copy(dst, src, opts)
}

// Move implements backends.Driver.
func (d *Driver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.admitCopy(ctx, "move", backends.CapMove, dst, opts); err != nil {
		return backends.Info{}, err
	}
	if d.caps.Has(backends.CapFolders) && src.IsMarker() {
		return d.bucket.moveFolder(dst, src.Key)
	}
	return d.bucket.move(dst, src, opts)
}

func (d *Driver) admitCopy(ctx context.Context, op string, need backends.Caps, dst string, opts backends.WriteOptions) error {
	if !d.caps.Has(need) || opts.Base != nil {
		return backends.NewError(op, dst, backends.ErrUnsupported, nil)
	}
	return d.admit(ctx, op, dst, opts)
}

// Delete implements backends.Driver.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	if err := d.admit(ctx, "delete", "", backends.WriteOptions{}); err != nil {
		return err
	}
	if len(targets) > d.limits.DeleteBatch {
		return backends.NewError("delete", "", backends.ErrInvalid, fmt.Errorf("%d keys in one call", len(targets)))
	}
	var errs []error
	for _, target := range targets {
		if target.Version != "" && !d.caps.Has(backends.CapIfVersion) {
			errs = append(errs, backends.NewError("delete", target.Key, backends.ErrUnsupported, nil))
			continue
		}
		err := d.bucket.remove(target)
		if d.caps.Has(backends.CapTellsAbsent) || !errors.Is(err, backends.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// admit refuses what the store cannot do at all, before it is looked at closer.
func (d *Driver) admit(ctx context.Context, op, key string, opts backends.WriteOptions) error {
	if err := ctx.Err(); err != nil {
		return backends.NewError(op, key, backends.ErrUnknown, err)
	}
	if len(key) > d.limits.MaxKey {
		return d.CheckKey(key)
	}
	if opts.IfAbsent && !d.caps.Has(backends.CapIfAbsent) ||
		opts.IfVersion != "" && !d.caps.Has(backends.CapIfVersion) ||
		opts.Base != nil && !d.caps.Has(backends.CapBase) ||
		opts.Base != nil && opts.BaseSize < opts.Base.Size && !d.caps.Has(backends.CapBasePart) ||
		len(opts.Metadata) > 0 && !d.caps.Has(backends.CapMetadata) ||
		len(opts.Tags) > 0 && !d.caps.Has(backends.CapTags) ||
		opts.StorageClass != "" && !d.caps.Has(backends.CapStorageClass) {
		return backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	return nil
}

// take reads and verifies a body.
func (d *Driver) take(op, key string, body backends.Body) ([]byte, error) {
	data := make([]byte, body.Size)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, backends.NewError(op, key, backends.ErrInvalid, err)
	}
	if n, err := body.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
		return nil, backends.NewError(op, key, backends.ErrInvalid, errors.New("body longer than its size"))
	}
	if sum := d.limits.Checksum.Update(0, data); sum != body.Sum {
		return nil, backends.NewError(op, key, backends.ErrInvalid, fmt.Errorf("sum is %016x, not %016x", sum, body.Sum))
	}
	return data, nil
}

// object makes an object of data, not yet stored.
func (d *Driver) object(data []byte, sum uint64, opts backends.WriteOptions) object {
	o := object{data: data, info: backends.Info{Size: int64(len(data)), ModTime: opts.ModTime, Metadata: maps.Clone(opts.Metadata)}}
	if o.info.ModTime.IsZero() {
		o.info.ModTime = time.Now()
	}
	if d.limits.Checksum != backends.NoChecksum {
		o.info.Sum, o.info.HasSum = sum, true
	}
	return o
}
