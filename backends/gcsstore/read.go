package gcsstore

import (
	"context"
	"errors"
	"io"
	"strings"

	"cloud.google.com/go/storage"

	"github.com/tidegate/tidegate/backends"
)

// ReadRange implements backends.Driver. A body that breaks off is read on by the library, once and
// of the same generation.
//
// The store answers 416 to a range that begins at the end of the object just as to one behind it. So
// the range begins one byte before, which is there in the first case only, and that byte is
// dropped.
func (d *Driver) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	const op = "read"
	if err := d.admit(ctx, op, key, backends.WriteOptions{}); err != nil {
		return nil, backends.Info{}, err
	}
	if off < 0 {
		return nil, backends.Info{}, backends.NewError(op, key, backends.ErrRange, nil)
	}
	first, length := max(off-1, 0), int64(-1)
	if n >= 0 {
		length = max(off-first+n, 1)
	}
	// The version is a condition and no generation: a bucket may keep those that are replaced.
	handle := pinned(d.object(key).ReadCompressed(true), version)
	r, err := d.open(ctx, handle, first, length)
	if off == 0 && kindOf(err) == backends.ErrRange {
		r, err = d.open(ctx, handle, 0, -1) // an empty object has no first byte to ask for
	}
	if err != nil {
		return nil, backends.Info{}, d.fail(op, key, err)
	}
	if off > r.Attrs.Size { // of an empty object, which was asked for as a whole
		return nil, backends.Info{}, errors.Join(backends.NewError(op, key, backends.ErrRange, nil), r.Close())
	}
	return &rangeBody{driver: d, key: key, body: r, skip: off - first, left: n}, readInfo(key, r), nil
}

func (d *Driver) open(ctx context.Context, handle *storage.ObjectHandle, first, length int64) (r *storage.Reader, err error) {
	_, err = d.retry(ctx, func() error {
		r, err = handle.NewRangeReader(ctx, first, length)
		return err
	})
	return r, err
}

// readInfo describes the whole object of which r reads a part.
func readInfo(key string, r *storage.Reader) backends.Info {
	meta := make(map[string]string) // the headers it came in had capitals
	for name, value := range r.Metadata() {
		meta[strings.ToLower(name)] = value
	}
	return backends.Info{
		Key:      key,
		Size:     r.Attrs.Size,
		ModTime:  modTime(meta, r.Attrs.LastModified),
		Version:  version(r.Attrs.Generation),
		Sum:      uint64(r.Attrs.CRC32C),
		HasSum:   hasSum(r.Attrs.CRC32C, r.Attrs.Size),
		Metadata: custom(meta),
	}
}

// rangeBody is a body without what was asked for only to learn the object's size.
type rangeBody struct {
	driver *Driver
	key    string
	body   io.ReadCloser
	skip   int64 // bytes at the beginning that nobody wants
	left   int64 // bytes wanted; below 0 for all
}

func (b *rangeBody) Read(p []byte) (int, error) {
	for b.skip > 0 {
		var dropped [1]byte
		n, err := b.body.Read(dropped[:])
		b.skip -= int64(n)
		if n == 0 && err != nil {
			return 0, b.fail(err)
		}
	}
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.body.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	return n, b.fail(err)
}

// fail makes of a broken body an error that says whether it can be read on from here.
func (b *rangeBody) fail(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // one that wraps it is a connection that was cut
		return err
	}
	return b.driver.fail("read", b.key, err)
}

func (b *rangeBody) Close() error { return b.body.Close() }
