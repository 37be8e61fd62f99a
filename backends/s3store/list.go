package s3store

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidegate/tidegate/backends"
)

// ListPage implements backends.Driver.
func (d *Driver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	const op = "list"
	if err := d.admit(ctx, op, ""); err != nil {
		return backends.Page{}, err
	}
	in := &s3.ListObjectsV2Input{
		Bucket:       d.bucket(),
		Prefix:       optional(d.listablePrefix(opts.Prefix)),
		EncodingType: types.EncodingTypeUrl, // XML has no way to write some legal keys
		MaxKeys:      aws.Int32(maxPage),
	}
	if opts.Token == behindPrefix {
		in.StartAfter = &opts.Prefix
	} else {
		in.ContinuationToken = optional(opts.Token)
	}
	if opts.Max > 0 {
		in.MaxKeys = aws.Int32(int32(min(opts.Max, maxPage)))
	}
	if !opts.Recursive {
		in.Delimiter = aws.String("/")
	}
	out, err := d.client.ListObjectsV2(ctx, in)
	if err != nil {
		return backends.Page{}, d.fail(op, opts.Prefix, err)
	}
	entries, err := merge(d.usualClass(), out.Contents, out.CommonPrefixes)
	if err != nil {
		return backends.Page{}, backends.NewError(op, opts.Prefix, backends.ErrUnknown, err)
	}
	if d.traits.directory {
		entries = sortedUnder(entries, opts.Prefix)
	}
	page := backends.Page{Entries: entries}
	switch {
	case aws.ToBool(out.IsTruncated):
		page.Next = aws.ToString(out.NextContinuationToken)
	case !d.traits.directory && opts.Max == 1 && opts.Token == "" && len(entries) == 1 && entries[0].Key == opts.Prefix:
		page.Next = behindPrefix
	}
	return page, nil
}

// behindPrefix is a token for the keys behind the one that is the prefix itself. MinIO, asked
// for one key only, does not look further if there is an object of that name, and says that
// there are no more. Tokens of stores do not look like this.
const behindPrefix = ">"

// merge decodes the two lists of an answer, each in key order, into one. Objects whose class is
// not the usual one say so.
func merge(usual types.StorageClass, objects []types.Object, prefixes []types.CommonPrefix) ([]backends.Info, error) {
	files, err := decode(objects, func(o types.Object) (*string, backends.Info) {
		info := backends.Info{Size: aws.ToInt64(o.Size), ModTime: listTime(o.LastModified), Version: version(o.ETag)}
		if class := types.StorageClass(o.StorageClass); class != usual && class != "" {
			info.Native = listedClass(class)
		}
		return o.Key, info
	})
	if err != nil {
		return nil, err
	}
	folders, err := decode(prefixes, func(p types.CommonPrefix) (*string, backends.Info) {
		return p.Prefix, backends.Info{IsPrefix: true}
	})
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return files, nil
	}
	merged := make([]backends.Info, 0, len(files)+len(folders))
	for len(files) > 0 && len(folders) > 0 {
		from := &files
		if folders[0].Key < files[0].Key {
			from = &folders
		}
		merged, *from = append(merged, (*from)[0]), (*from)[1:]
	}
	return append(append(merged, files...), folders...), nil
}

// sortedUnder returns what of a page of a directory bucket begins with prefix, in order.
func sortedUnder(entries []backends.Info, prefix string) []backends.Info {
	entries = slices.DeleteFunc(entries, func(e backends.Info) bool { return !strings.HasPrefix(e.Key, prefix) })
	slices.SortFunc(entries, func(a, b backends.Info) int { return strings.Compare(a.Key, b.Key) })
	return entries
}

// decode returns the entries that info makes of list, with their keys as they are.
func decode[T any](list []T, info func(T) (*string, backends.Info)) ([]backends.Info, error) {
	infos := make([]backends.Info, 0, len(list))
	for _, item := range list {
		encoded, entry := info(item)
		key, err := url.QueryUnescape(aws.ToString(encoded))
		if err != nil {
			return nil, err
		}
		entry.Key = key
		infos = append(infos, entry)
	}
	return infos, nil
}

// listTime is an object's time to the second, as HEAD tells it: listings may say more, and a
// client that compares the two would think that the object has changed.
func listTime(t *time.Time) time.Time {
	return aws.ToTime(t).Truncate(time.Second)
}
