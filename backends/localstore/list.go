package localstore

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/backends"
)

const (
	// defaultPage is how many entries a page has if the caller does not say. Every page reads
	// the names of the whole directory again, so that few large pages are cheap ones; a page of
	// this size takes about 1 MiB.
	defaultPage = 5000

	// listBatch is how many names are read from a directory at a time.
	listBatch = 1024
)

// ListPage returns the entries that come next in key order, in which a directory sorts as its
// name with a "/" ("a-b" comes before "a/"). A page holds no state: the token is the last key
// seen, and files may come and go between pages.
//
// A directory gives its names in no order. Keeping them sorted between pages would take memory
// without limit; so each page reads all names, and keeps the smallest few.
func (d *Driver) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	const op = "list"
	if err := ctx.Err(); err != nil {
		return backends.Page{}, failed(op, opts.Prefix, err)
	}
	folder := opts.Prefix[:strings.LastIndexByte(opts.Prefix, '/')+1]
	if folder != "" && (!backends.ValidKey(folder) || folder != backends.StatePrefix && private(folder)) {
		return backends.Page{}, nil // no file can have such a key
	}
	linked, err := d.hasLink(localFolder(folder))
	if err != nil {
		return backends.Page{}, failed(op, opts.Prefix, err)
	}
	if linked {
		return backends.Page{}, nil
	}
	l := lister{d: d, prefix: opts.Prefix, recursive: opts.Recursive, max: opts.Max, last: opts.Token}
	if l.max <= 0 {
		l.max = defaultPage
	}
	if err := l.walk(ctx, folder, folder == opts.Prefix); err != nil {
		return backends.Page{}, failed(op, opts.Prefix, err)
	}
	if l.more {
		l.page.Next = l.last
	}
	return l.page, nil
}

// lister collects one page.
type lister struct {
	d         *Driver
	prefix    string
	recursive bool
	max       int

	last string // the greatest key seen: every key up to it belongs to a page by now
	more bool   // the page ends here, and keys may come behind last
	page backends.Page
}

// walk adds what folder holds behind l.last, and the marker of folder itself if it is asked for.
// A folder that is not there holds nothing.
func (l *lister) walk(ctx context.Context, folder string, marker bool) error {
	local := localFolder(folder)
	// Looked at before it is opened: OpenRoot would wait for ever on a pipe.
	fi, err := l.d.root.Lstat(local)
	if isNotExist(err) || err == nil && !fi.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := l.d.root.OpenRoot(local)
	if isNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer discard(root)

	if marker && folder > l.last && !private(folder) && folder != "" {
		info, _ := infoOf(folder, fi)
		l.add(info)
	}
	names, cut, err := l.next(ctx, root, folder)
	if err != nil {
		return err
	}
	for _, name := range names {
		if l.more {
			return nil
		}
		if err := l.visit(ctx, root, folder, name); err != nil {
			return err
		}
	}
	l.more = l.more || cut
	return nil
}

// localFolder returns the path beneath the root for a folder that is listed, the store's own too.
func localFolder(folder string) string {
	if folder == "" {
		return "."
	}
	return filepath.FromSlash(strings.TrimSuffix(folder, "/"))
}

// add adds an entry to the page, or ends the page before it.
func (l *lister) add(info backends.Info) {
	if len(l.page.Entries) == l.max {
		l.more = true
		return
	}
	l.page.Entries = append(l.page.Entries, info)
	l.last = info.Key
}

// visit adds what folder holds under name, and what lies below it.
func (l *lister) visit(ctx context.Context, root *os.Root, folder, name string) error {
	key := folder + name
	if len(l.page.Entries) == l.max {
		l.more = true
		return nil
	}
	if key > l.last {
		l.last = key
		fi, err := root.Lstat(strings.TrimSuffix(name, "/"))
		if isNotExist(err) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		info, ok := infoOf(key, fi)
		if !ok {
			return nil // became something else meanwhile
		}
		if info.IsMarker() && !l.recursive {
			info = backends.Info{Key: key, ModTime: info.ModTime, IsPrefix: true}
		}
		if !private(key) {
			l.add(info)
		}
	}
	if l.recursive && isFolderKey(key) {
		return l.walk(ctx, key, false)
	}
	return nil
}

// next returns, in key order, the first names in folder that can belong to the page; cut says that
// there are more. It keeps no more than twice as many names as the page has room for.
func (l *lister) next(ctx context.Context, root *os.Root, folder string) (names []string, cut bool, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, false, err
	}
	defer discard(dir)

	room := l.max - len(l.page.Entries) + 1 // one more, to know of it
	smallest := func() {
		slices.Sort(names)
		if len(names) > room {
			names, cut = names[:room], true
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		batch, err := dir.ReadDir(listBatch)
		for _, de := range batch {
			name, ok := l.nameOf(folder, de)
			if !ok || cut && name >= names[room-1] {
				continue
			}
			if names = append(names, name); len(names) >= 2*room {
				smallest()
			}
		}
		if errors.Is(err, io.EOF) {
			smallest()
			return names, cut, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// nameOf names an entry of folder as its key does, a directory with a "/" at the end; false if it
// does not belong to the page.
func (l *lister) nameOf(folder string, de fs.DirEntry) (string, bool) {
	name := de.Name()
	if !utf8.ValidString(name) {
		return "", false
	}
	switch de.Type() {
	case 0:
	case fs.ModeDir:
		name += "/"
	default:
		return "", false
	}
	key := folder + name
	behind := key > l.last || l.recursive && isFolderKey(key) && strings.HasPrefix(l.last, key)
	return name, behind && strings.HasPrefix(key, l.prefix) && !l.hidden(key)
}

// hidden reports whether key is left out. The state folder may hold what belongs to the Store,
// but is no marker that anybody made; mostly the driver's uploads are all that is in it.
func (l *lister) hidden(key string) bool {
	if key == backends.StatePrefix {
		return !l.recursive
	}
	return private(key)
}
