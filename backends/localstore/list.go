package localstore

import (
	"cmp"
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

// entry is one name of a directory.
type entry struct {
	name string // with a "/" at the end for a directory
	link bool   // a symbolic link
}

// walk adds what folder holds behind l.last, and the marker of folder itself if it is asked for.
// A folder that is not there holds nothing.
func (l *lister) walk(ctx context.Context, folder string, marker bool) error {
	local := "."
	if folder != "" {
		local = filepath.FromSlash(strings.TrimSuffix(folder, "/"))
	}
	// Looked at before it is opened: OpenRoot would wait for ever on a pipe.
	fi, err := l.d.root.Stat(local)
	if kindIs(err, backends.ErrNotExist) || err == nil && !fi.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	root, err := l.d.root.OpenRoot(local)
	if kindIs(err, backends.ErrNotExist) {
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
	entries, cut, err := l.next(ctx, root, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if l.more {
			return nil
		}
		if err := l.visit(ctx, root, folder, e); err != nil {
			return err
		}
	}
	l.more = l.more || cut
	return nil
}

func kindIs(err error, kind backends.Kind) bool { return err != nil && kindOf(err) == kind }

// add adds an entry to the page, or ends the page before it.
func (l *lister) add(info backends.Info) {
	if len(l.page.Entries) == l.max {
		l.more = true
		return
	}
	l.page.Entries = append(l.page.Entries, info)
	l.last = info.Key
}

// visit adds an entry of folder, and what lies below it.
func (l *lister) visit(ctx context.Context, root *os.Root, folder string, e entry) error {
	key := folder + e.name
	if len(l.page.Entries) == l.max {
		l.more = true
		return nil
	}
	if key > l.last {
		l.last = key
		fi, err := root.Lstat(strings.TrimSuffix(e.name, "/"))
		if err == nil && e.link {
			fi, err = l.d.root.Stat(filepath.FromSlash(strings.TrimSuffix(key, "/")))
		}
		if kindIs(err, backends.ErrNotExist) {
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
	// Links are not walked into: they can lead in a circle.
	if l.recursive && isFolderKey(key) && !e.link {
		return l.walk(ctx, key, false)
	}
	return nil
}

// next returns, in key order, the first entries of folder that can belong to the page; cut says
// that there are more. It keeps no more than twice as many names as the page has room for.
func (l *lister) next(ctx context.Context, root *os.Root, folder string) (entries []entry, cut bool, err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, false, err
	}
	defer discard(dir)

	room := l.max - len(l.page.Entries) + 1 // one more, to know of it
	smallest := func() {
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.name, b.name) })
		if len(entries) > room {
			entries, cut = entries[:room], true
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		batch, err := dir.ReadDir(listBatch)
		for _, de := range batch {
			e, ok := l.entryOf(folder, de)
			if !ok || cut && e.name >= entries[room-1].name {
				continue
			}
			if entries = append(entries, e); len(entries) >= 2*room {
				smallest()
			}
		}
		if errors.Is(err, io.EOF) {
			smallest()
			return entries, cut, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

// entryOf names an entry of folder as its key does; false if it does not belong to the page.
func (l *lister) entryOf(folder string, de fs.DirEntry) (entry, bool) {
	e := entry{name: de.Name()}
	if !utf8.ValidString(e.name) {
		return entry{}, false
	}
	switch de.Type() {
	case 0:
	case fs.ModeDir:
		e.name += "/"
	case fs.ModeSymlink:
		fi, err := l.d.root.Stat(filepath.FromSlash(folder + e.name))
		if err != nil {
			return entry{}, false // leads out, nowhere, or in a circle
		}
		if e.link = true; fi.IsDir() {
			e.name += "/"
		}
	default:
		return entry{}, false
	}
	key := folder + e.name
	behind := key > l.last || l.recursive && isFolderKey(key) && strings.HasPrefix(l.last, key)
	return e, behind && strings.HasPrefix(key, l.prefix) && !l.hidden(key)
}

// hidden reports whether key is left out. The state folder may hold what belongs to the Store,
// but is no marker that anybody made; mostly the driver's uploads are all that is in it.
func (l *lister) hidden(key string) bool {
	if key == backends.StatePrefix {
		return !l.recursive
	}
	return private(key)
}
