package azstore

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/tidegate/tidegate/backends"
)

// ListPage implements backends.Driver. Metadata comes with the listing, so that times and folders
// are told as Stat tells them.
//
// A folder marked by a blob "dir" is listed as "dir/", which is behind "dir-a" in the order of keys
// and may be on another page than "dir". Until then the token holds it. Few wait at a time: each one's
// name begins with that of the one before.
func (d *Driver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	const op = "list"
	if err := d.admit(ctx, op, ""); err != nil {
		return backends.Page{}, err
	}
	at, err := parsePosition(opts.Token)
	if err != nil {
		return backends.Page{}, backends.NewError(op, opts.Prefix, backends.ErrInvalid, err)
	}
	most := maxPage
	if opts.Max > 0 {
		most = min(opts.Max, maxPage)
	}
	if at.more() && at.ready() < most {
		answer, err := d.fetch(ctx, opts, at.Marker, most)
		if err != nil {
			return backends.Page{}, d.fail(op, opts.Prefix, err)
		}
		at.add(answer)
		if opts.Token == "" && (opts.Recursive || len(at.Waiting) == 0) {
			d.addOutside(ctx, opts.Prefix, at)
		}
	}
	entries := at.take(most)
	next, err := at.token()
	if err != nil {
		return backends.Page{}, backends.NewError(op, opts.Prefix, backends.ErrUnknown, err)
	}
	return backends.Page{Entries: entries, Next: next}, nil
}

// addOutside adds the marker "dir" of the folder "dir/" itself, which a listing of what is below "dir/"
// does not show. It is looked for where it matters: in an empty folder, and in what is to be
// moved or removed with all that is in it. It can only be missed, so no error is told.
func (d *Driver) addOutside(ctx context.Context, prefix string, at *position) {
	name, ok := strings.CutSuffix(prefix, "/")
	if !ok || name == "" || len(at.Waiting) > 0 && at.Waiting[0].Key == prefix {
		return
	}
	if head, err := d.head(ctx, name, ""); err == nil && isFolder(head.meta) {
		at.add(answer{entries: []backends.Info{head.info(prefix)}, marker: at.Marker})
	}
}

// answer is a page as Azure gives it.
type answer struct {
	entries []backends.Info
	last    string // the greatest name; "" of an empty page
	marker  string // of the next page, "" after the last
}

func (d *Driver) fetch(ctx context.Context, opts backends.ListOptions, marker string, most int) (answer, error) {
	var prefix, from *string
	if opts.Prefix != "" {
		prefix = &opts.Prefix
	}
	if marker != "" {
		from = &marker
	}
	size, include := to.Ptr(int32(most)), container.ListBlobsInclude{Metadata: true}
	if opts.Recursive {
		out, err := d.container.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
			Prefix: prefix, Marker: from, MaxResults: size, Include: include}).NextPage(ctx)
		if err == nil && out.Segment == nil {
			err = errNoListing
		}
		if err != nil {
			return answer{}, err
		}
		return newAnswer(opts, out.Segment.BlobItems, nil, deref(out.NextMarker)), nil
	}
	out, err := d.container.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{
		Prefix: prefix, Marker: from, MaxResults: size, Include: include}).NextPage(ctx)
	if err == nil && out.Segment == nil {
		err = errNoListing
	}
	if err != nil {
		return answer{}, err
	}
	return newAnswer(opts, out.Segment.BlobItems, out.Segment.BlobPrefixes, deref(out.NextMarker)), nil
}

var errNoListing = errors.New("the answer holds no listing")

func newAnswer(opts backends.ListOptions, items []*container.BlobItem, prefixes []*container.BlobPrefix, marker string) answer {
	a := answer{marker: marker, entries: make([]backends.Info, 0, len(items)+len(prefixes))}
	for _, item := range items {
		name, meta := deref(item.Name), plain(item.Metadata)
		a.last = max(a.last, name)
		info := listed(name, meta, item.Properties)
		if isFolder(meta) {
			info.Key += "/"
			if !opts.Recursive {
				info = backends.Info{Key: info.Key, ModTime: info.ModTime, IsPrefix: true}
			}
		}
		if strings.HasPrefix(info.Key, opts.Prefix) {
			a.entries = append(a.entries, info)
		}
	}
	for _, p := range prefixes {
		name := deref(p.Name)
		a.last = max(a.last, name)
		a.entries = append(a.entries, backends.Info{Key: name, IsPrefix: true})
	}
	return a
}

func listed(name string, meta map[string]string, p *container.BlobProperties) backends.Info {
	return backends.Info{
		Key:      name,
		Size:     deref(p.ContentLength),
		ModTime:  modTime(meta, p.LastModified),
		Version:  version(p.ETag),
		MD5:      p.ContentMD5,
		Metadata: others(meta),
	}
}

// position is how far a listing has come. As JSON it is the token of the next page.
type position struct {
	Marker  string          `json:",omitempty"` // Azure's, of its next page
	Last    string          `json:",omitempty"` // the greatest name that was fetched
	Waiting []backends.Info `json:",omitempty"` // fetched and not yet given, in order
	begun   bool
}

func parsePosition(token string) (*position, error) {
	at := &position{begun: token != ""}
	if token == "" {
		return at, nil
	}
	return at, json.Unmarshal([]byte(token), at)
}

func (at *position) token() (string, error) {
	if at.Marker == "" && len(at.Waiting) == 0 {
		return "", nil
	}
	text, err := json.Marshal(at)
	return string(text), err
}

// more reports whether Azure has more to give.
func (at *position) more() bool { return at.Marker != "" || !at.begun }

// ready is how many of those that wait nothing that Azure has to give can come before.
func (at *position) ready() int {
	if !at.more() {
		return len(at.Waiting)
	}
	i, _ := slices.BinarySearchFunc(at.Waiting, at.Last, func(info backends.Info, last string) int {
		if info.Key <= last {
			return -1
		}
		return 1
	})
	return i
}

// add puts a page of Azure's among those that wait. Of a folder that is there twice, as a prefix
// and by its marker, one stays.
func (at *position) add(a answer) {
	at.begun, at.Marker, at.Last = true, a.marker, max(at.Last, a.last)
	at.Waiting = append(at.Waiting, a.entries...)
	slices.SortStableFunc(at.Waiting, func(x, y backends.Info) int { return strings.Compare(x.Key, y.Key) })
	at.Waiting = slices.CompactFunc(at.Waiting, func(x, y backends.Info) bool { return x.Key == y.Key })
}

// take returns the first of those that are ready.
func (at *position) take(most int) []backends.Info {
	n := min(at.ready(), most)
	taken := at.Waiting[:n:n]
	at.Waiting = at.Waiting[n:]
	return taken
}
