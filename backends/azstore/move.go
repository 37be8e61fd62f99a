package azstore

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/tidegate/tidegate/backends"
)

// Move implements backends.Driver. Only accounts with a hierarchical namespace rename, files and
// folders with all that is in them alike. What opts sets beside conditions is set at the source
// before, for a rename changes nothing else.
func (d *Driver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "move"
	if !d.opts.Hierarchical {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrUnsupported, nil)
	}
	if err := d.admitWrite(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	if src.IsMarker() {
		if strings.HasPrefix(dst, src.Key) {
			return backends.Info{}, backends.NewError(op, dst, backends.ErrInvalid, errors.New("a folder into itself"))
		}
		opts.IfAbsent = true
	}
	head, err := d.sourceOf(ctx, src)
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	moved := head.info(src.Key)
	attributes := opts
	attributes.IfAbsent, attributes.IfVersion = false, ""
	if !attributes.IsZero() {
		if moved, err = d.Copy(ctx, src.Key, moved, attributes); err != nil {
			return backends.Info{}, err
		}
	}
	info, err := d.rename(ctx, op, dst, moved, opts)
	if codeOf(err) == codeNoParent {
		if err := d.makeParent(ctx, op, dst); err != nil {
			return backends.Info{}, err
		}
		info, err = d.rename(ctx, op, dst, moved, opts)
	}
	return info, err
}

// makeParent makes the folder that dst will be in, and those above it.
func (d *Driver) makeParent(ctx context.Context, op, dst string) error {
	i := strings.LastIndexByte(d.name(dst), '/')
	if i < 0 {
		return backends.NewError(op, dst, backends.ErrNotExist, nil)
	}
	_, err := d.Put(ctx, dst[:i+1], backends.Body{ReadSeeker: strings.NewReader("")}, backends.WriteOptions{IfAbsent: true})
	if errors.Is(err, backends.ErrExist) {
		return nil // another was faster
	}
	return err
}

func (d *Driver) rename(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	r := &rename{source: d.opts.Container + "/" + escape(d.name(src.Key)), version: src.Version}
	if d.opts.SASToken != "" {
		r.source += "?" + d.opts.SASToken
	}
	answered, cancel := lasting(ctx)
	defer cancel()
	// Azure's library for this endpoint cannot name every key.
	out, err := d.blockBlob(d.name(dst)).Upload(context.WithValue(answered, renameKey{}, r), streaming.NopCloser(strings.NewReader("")),
		&blockblob.UploadOptions{AccessConditions: conditions(opts)})
	if err != nil {
		if info, ok := d.moved(ctx, dst, src, err); ok {
			return info, nil
		}
		return backends.Info{}, d.failCopy(op, dst, src.Key, opts, err)
	}
	src.Key = dst
	if out.ETag != nil {
		src.Version = version(out.ETag)
	}
	return src, nil
}

// moved looks whether src was renamed to dst, although that failed with err: it has if src is gone
// and dst is as large and as old.
func (d *Driver) moved(ctx context.Context, dst string, src backends.Info, err error) (backends.Info, bool) {
	if !inDoubt(err) {
		return backends.Info{}, false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	if _, err := d.head(ctx, d.name(src.Key), ""); kindOf(err) != backends.ErrNotExist {
		return backends.Info{}, false
	}
	head, err := d.find(ctx, dst, "")
	if err != nil {
		return backends.Info{}, false
	}
	info := head.info(dst)
	return info, info.Size == src.Size && info.ModTime.Equal(src.ModTime)
}

// rename is a request for the account's other endpoint.
type rename struct {
	source  string // container, key and SAS, escaped
	version string
}

type renameKey struct{}

// renaming makes of a Put Blob the Path Create with a source that renames. It comes before the
// policy that signs.
func renaming(req *policy.Request) (*http.Response, error) {
	raw := req.Raw()
	if r, ok := raw.Context().Value(renameKey{}).(*rename); ok {
		askOther(raw, "mode", "legacy")
		delete(raw.Header, "x-ms-blob-type") // which the SDK writes so, and Del does not find
		raw.Header.Set("x-ms-rename-source", "/"+r.source)
		if r.version != "" {
			raw.Header.Set("x-ms-source-if-match", string(*pinned(r.version)))
		}
	}
	return req.Next()
}

// askOther sends a request to the account's other endpoint, with a parameter of that.
func askOther(raw *http.Request, parameter, value string) {
	raw.URL.Host = renameHost(raw.URL.Host)
	raw.Host = raw.URL.Host // which is what Azure goes by
	query := raw.URL.Query()
	query.Set(parameter, value)
	raw.URL.RawQuery = query.Encode()
}

// renameHost returns the endpoint beside that of the blob service.
func renameHost(host string) string { return strings.Replace(host, ".blob.", ".dfs.", 1) }

// escape escapes all but the slashes of a key.
func escape(key string) string {
	elements := strings.Split(key, "/")
	for i, element := range elements {
		elements[i] = url.PathEscape(element)
	}
	return strings.Join(elements, "/")
}
