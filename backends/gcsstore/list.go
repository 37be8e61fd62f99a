package gcsstore

import (
	"context"
	"slices"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/iterator"

	"github.com/tidegate/tidegate/backends"
)

// ListPage implements backends.Driver. What uploads are made of is not shown.
func (d *Driver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	const op = "list"
	if err := d.admit(ctx, op, "", backends.WriteOptions{}); err != nil {
		return backends.Page{}, err
	}
	query := storage.Query{Prefix: opts.Prefix}
	if !opts.Recursive {
		query.Delimiter = "/"
	}
	size := maxPage
	if opts.Max > 0 {
		size = min(opts.Max, maxPage)
	}
	found, next, err := d.page(ctx, query, size, opts.Token)
	if err != nil {
		return backends.Page{}, d.fail(op, opts.Prefix, err)
	}
	entries := make([]backends.Info, 0, len(found))
	for _, attrs := range found {
		switch {
		case strings.HasPrefix(attrs.Prefix+attrs.Name, uploadsPrefix): // one of them is ""
		case attrs.Prefix != "":
			entries = append(entries, backends.Info{Key: attrs.Prefix, IsPrefix: true})
		default:
			entries = append(entries, listed(attrs))
		}
	}
	// The library gives the objects of an answer first, and then its prefixes.
	slices.SortFunc(entries, func(a, b backends.Info) int { return strings.Compare(a.Key, b.Key) })
	return backends.Page{Entries: entries, Next: next}, nil
}

// listed describes an object of which only what page asks for is known.
func listed(attrs *storage.ObjectAttrs) backends.Info {
	info := infoOf(attrs)
	info.Native = nil
	return info
}

// page asks for at most size objects and prefixes from token on.
func (d *Driver) page(ctx context.Context, query storage.Query, size int, token string) (found []*storage.ObjectAttrs, next string, err error) {
	query.Projection = storage.ProjectionNoACL
	if err := query.SetAttrSelection([]string{"Name", "Size", "Updated", "Generation", "CRC32C", "MD5", "Metadata"}); err != nil {
		return nil, "", err
	}
	_, err = d.retry(ctx, func() error {
		found = nil
		next, err = iterator.NewPager(d.bucket.Objects(ctx, &query), size, token).NextPage(&found)
		return err
	})
	return found, next, err
}
