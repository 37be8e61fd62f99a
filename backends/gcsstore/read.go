package gcsstore

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/api/googleapi"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// ReadRange implements backends.Driver. It asks in XML, which tells an object's metadata with its
// bytes, and JSON does not; and not by the library, whose reader asks again and again for the rest of
// a body that breaks off, as long as there is an answer.
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
	first := max(off-1, 0)
	resp, err := d.get(ctx, key, version, byteRange(first, off, n)) //nolint:bodyclose // transport.Range does
	if off == 0 && kindOf(err) == backends.ErrRange {
		// An empty object has no first byte to ask for.
		resp, err = d.get(ctx, key, version, "") //nolint:bodyclose // transport.Range does
	}
	if err != nil {
		return nil, backends.Info{}, d.fail(op, key, err)
	}
	body := &transport.Range{
		Body: resp.Body,
		Skip: off - first,
		Left: n,
		Fail: func(err error) error { return d.fail(op, key, err) },
	}
	info, err := readInfo(key, resp.Header)
	if err == nil && !asStored(resp, first) {
		err = errUnpacked
	}
	if err != nil {
		_ = body.Close() // nothing of it was read
		return nil, backends.Info{}, backends.NewError(op, key, backends.KindOf(err), err)
	}
	return body, info, nil
}

// errUnpacked is an object that can be had only in another form than that of which all else is told.
var errUnpacked = fmt.Errorf("%w: the store unpacks the object, unless its Cache-Control says no-transform", backends.ErrUnsupported)

// asStored reports whether the body is that of the object from first on. The store unpacks some types
// although it is asked not to, and heeds no range then.
func asStored(resp *http.Response, first int64) bool {
	packed := resp.Header.Get("X-Goog-Stored-Content-Encoding") == "gzip"
	return (!packed || resp.Header.Get("Content-Encoding") == "gzip") && (first == 0 || resp.StatusCode == http.StatusPartialContent)
}

// byteRange returns the Range for n bytes from off (n < 0: all), asked for from first on; "" for the
// whole object, which may be empty.
func byteRange(first, off, n int64) string {
	switch {
	case n >= 0:
		return fmt.Sprintf("bytes=%d-%d", first, max(first, off+n-1))
	case off > 0:
		return fmt.Sprintf("bytes=%d-", first)
	}
	return ""
}

func (d *Driver) get(ctx context.Context, key, version, byteRange string) (resp *http.Response, err error) {
	_, err = d.retry(ctx, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.endpoint, http.NoBody)
		if err != nil {
			return err
		}
		d.dressGet(req, key, version, byteRange)
		if resp, err = d.client.Do(req); err != nil { //nolint:bodyclose // it is the caller's
			return err
		}
		if err = googleapi.CheckResponse(resp); err != nil {
			_ = resp.Body.Close() // it is in err
		}
		return err
	})
	return resp, err
}

// dressGet makes req ask for an object. The version is a condition and no generation: a bucket may
// keep those that are replaced.
func (d *Driver) dressGet(req *http.Request, key, version, byteRange string) {
	bucket := "/" + d.opts.Bucket + "/"
	req.URL.Path, req.URL.RawPath = bucket+key, bucket+url.PathEscape(key)
	req.Header.Set("Accept-Encoding", "gzip") // else the store would unpack what is stored packed
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	if version != "" {
		req.Header.Set("X-Goog-If-Generation-Match", strconv.FormatInt(generation(version), 10))
	}
	if d.opts.UserProject != "" {
		req.Header.Set("X-Goog-User-Project", d.opts.UserProject)
	}
	d.encrypt(req.Header)
}

// readInfo describes the object of which the headers of an answer speak, whatever range of it that is.
func readInfo(key string, header http.Header) (backends.Info, error) {
	size, err := strconv.ParseInt(header.Get("X-Goog-Stored-Content-Length"), 10, 64)
	if err != nil {
		return backends.Info{}, fmt.Errorf("answer without the size of the object: %w", err)
	}
	made, err := strconv.ParseInt(header.Get("X-Goog-Generation"), 10, 64)
	if err != nil {
		return backends.Info{}, fmt.Errorf("answer without the generation of the object: %w", err)
	}
	const metaHeader = "X-Goog-Meta-"
	meta := make(map[string]string)
	for name, values := range header {
		if name, ok := strings.CutPrefix(name, metaHeader); ok {
			meta[strings.ToLower(name)] = values[0]
		}
	}
	updated, _ := http.ParseTime(header.Get("Last-Modified")) // zero if it is not told
	info := backends.Info{Key: key, Size: size, ModTime: modTime(meta, updated), Version: version(made), Metadata: custom(meta)}
	for sums := range strings.SplitSeq(strings.Join(header.Values("X-Goog-Hash"), ","), ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(sums), "=")
		sum, err := base64.StdEncoding.DecodeString(text)
		switch {
		case err == nil && name == "crc32c" && len(sum) == 4:
			info.Sum, info.HasSum = uint64(binary.BigEndian.Uint32(sum)), true
		case err == nil && name == "md5" && len(sum) > 0:
			info.MD5 = sum
		}
	}
	return info, nil
}
