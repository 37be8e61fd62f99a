package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// ReadRange implements backends.Driver.
//
// S3 answers 416 to a range that begins at the end of the object just as to one behind it. So
// the range begins one byte before, which is there in the first case only, and that byte is
// dropped.
func (d *Driver) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	const op = "read"
	if err := d.admit(ctx, op, key); err != nil {
		return nil, backends.Info{}, err
	}
	if off < 0 {
		return nil, backends.Info{}, backends.NewError(op, key, backends.ErrRange, nil)
	}
	first := max(off-1, 0)
	out, err := d.get(ctx, key, version, byteRange(first, off, n))
	if off == 0 && kindOf(err) == backends.ErrRange {
		// An empty object has no first byte to ask for.
		out, err = d.get(ctx, key, version, nil)
	}
	if err != nil {
		return nil, backends.Info{}, d.fail(op, key, err)
	}
	body := &transport.Range{
		Body: out.Body,
		Skip: off - first,
		Left: n,
		Fail: func(err error) error { return d.fail(op, key, err) },
	}
	info, err := readInfo(key, out)
	if err != nil {
		return nil, backends.Info{}, errors.Join(backends.NewError(op, key, backends.ErrUnknown, err), body.Close())
	}
	return body, info, nil
}

// byteRange returns the Range for n bytes from off (n < 0: all), asked for from first on; nil
// for the whole object, which may be empty.
func byteRange(first, off, n int64) *string {
	switch {
	case n >= 0:
		return aws.String(fmt.Sprintf("bytes=%d-%d", first, max(first, off+n-1)))
	case first > 0 || off > 0:
		return aws.String(fmt.Sprintf("bytes=%d-", first))
	}
	return nil
}

func (d *Driver) get(ctx context.Context, key, version string, byteRange *string) (*s3.GetObjectOutput, error) {
	out, err := d.client.GetObject(ctx, &s3.GetObjectInput{Bucket: d.bucket(), Key: &key, IfMatch: pinned(version), Range: byteRange})
	if err != nil {
		return nil, d.orAbsent(ctx, key, err)
	}
	if err := named(out.ETag); err != nil {
		return nil, errors.Join(err, out.Body.Close())
	}
	return out, nil
}

// readInfo describes the whole object of which out is a part.
func readInfo(key string, out *s3.GetObjectOutput) (backends.Info, error) {
	info := backends.Info{
		Key:      key,
		Size:     aws.ToInt64(out.ContentLength),
		ModTime:  modTime(out.Metadata, out.LastModified),
		Version:  version(out.ETag),
		Metadata: others(out.Metadata),
	}
	if out.ContentRange != nil { // "bytes 0-9/100"
		_, total, _ := strings.Cut(*out.ContentRange, "/")
		size, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			return info, fmt.Errorf("answer with Content-Range %q", *out.ContentRange)
		}
		info.Size = size
	}
	return info, nil
}
