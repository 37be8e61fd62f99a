package azstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// ReadRange implements backends.Driver.
//
// Azure answers 416 to a range that begins at the end of the blob just as to one behind it, and its
// emulator 200. So the range begins one byte before, which is there in the first case only, and
// that byte is dropped.
func (d *Driver) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	const op = "read"
	if err := d.admit(ctx, op, key); err != nil {
		return nil, backends.Info{}, err
	}
	if off < 0 {
		return nil, backends.Info{}, backends.NewError(op, key, backends.ErrRange, nil)
	}
	name := d.name(key)
	first, part := byteRange(off, n)
	out, err := d.get(ctx, name, version, part)
	if off == 0 && kindOf(err) == backends.ErrRange {
		// An empty blob has no first byte to ask for.
		out, err = d.get(ctx, name, version, blob.HTTPRange{})
	}
	if folder, ok := strings.CutSuffix(name, "/"); ok && kindOf(err) == backends.ErrNotExist {
		name = folder
		out, err = d.get(ctx, name, version, blob.HTTPRange{})
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
	meta := plain(out.Metadata)
	if !isOf(key, name, meta) {
		return nil, backends.Info{}, errors.Join(backends.NewError(op, key, backends.ErrNotExist, nil), body.Close())
	}
	info, err := readInfo(key, meta, out)
	if err == nil && off > info.Size {
		err = backends.ErrRange
	}
	if err != nil {
		return nil, backends.Info{}, errors.Join(backends.NewError(op, key, backends.KindOf(err), err), body.Close())
	}
	return body, info, nil
}

// byteRange returns what to ask for to get n bytes from off (n < 0: all), and where that begins. The
// zero HTTPRange is the whole blob, which may be empty.
func byteRange(off, n int64) (first int64, part blob.HTTPRange) {
	first = max(off-1, 0)
	part.Offset = first
	if n >= 0 {
		part.Count = max(1, off+n-first)
	}
	return first, part
}

func (d *Driver) get(ctx context.Context, name, version string, part blob.HTTPRange) (blob.DownloadStreamResponse, error) {
	return d.blob(name).DownloadStream(ctx, &blob.DownloadStreamOptions{
		Range:            part,
		AccessConditions: exactly(version),
		CPKInfo:          d.encrypt.key,
	})
}

// readInfo describes the whole blob of which out is a part.
func readInfo(key string, meta map[string]string, out blob.DownloadStreamResponse) (backends.Info, error) {
	info := backends.Info{
		Key:      key,
		Size:     deref(out.ContentLength),
		ModTime:  modTime(meta, out.LastModified),
		Version:  version(out.ETag),
		MD5:      out.ContentMD5,
		Metadata: others(meta),
	}
	if out.ContentRange != nil { // "bytes 0-9/100"
		_, total, _ := strings.Cut(*out.ContentRange, "/")
		size, err := strconv.ParseInt(total, 10, 64)
		if err != nil {
			return info, fmt.Errorf("answer with Content-Range %q", *out.ContentRange)
		}
		info.Size, info.MD5 = size, out.BlobContentMD5
	}
	return info, nil
}
