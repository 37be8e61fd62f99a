package gateway

import (
	"context"
	"errors"
	"iter"
	"path"
	"strings"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

// ReadDir yields entries in the order of the store's keys, in which a folder sorts as its name
// with a "/" ("a-b" comes before "a"): sorting by name would take the whole listing into memory.
// Folders that lead to mounts take their place among the entries, and hide those of their name. They
// are all that is seen by who may not list the folder they are in.
func (fs *fileSystem) ReadDir(ctx context.Context, name string) iter.Seq2[ftpproto.FileInfo, error] {
	return func(yield func(ftpproto.FileInfo, error) bool) {
		p, err := fs.tree.find(name)
		children := fs.tree.fixed[p.name]
		switch {
		case err != nil:
		case p.mount == nil && !p.fixed:
			err = ftpproto.ErrNotExist
		case p.mount != nil && !p.may(MayList) && len(children) == 0:
			err = ftpproto.ErrDenied
		}
		if err != nil {
			yield(ftpproto.FileInfo{}, err)
			return
		}
		if p.may(MayList) {
			var more bool
			if children, more = fs.readStore(ctx, p, children, yield); !more {
				return
			}
		}
		fs.yieldFixed(p, children, yield)
	}
}

// readStore yields what the store holds in p, and those of the fixed children that come before
// its last entry. It returns the others, and whether the caller wants more.
func (fs *fileSystem) readStore(ctx context.Context, p place, children []string, yield func(ftpproto.FileInfo, error) bool) ([]string, bool) {
	hidden := make(map[string]bool, len(children))
	for _, child := range children {
		hidden[child] = true
	}
	for info, err := range p.mount.store.List(ctx, p.folder) {
		if errors.Is(err, backends.ErrNotExist) && p.fixed {
			return children, true // a mount of a folder that nothing was put into yet
		}
		if err != nil {
			yield(ftpproto.FileInfo{}, fs.absent(p, err))
			return nil, false
		}
		key := strings.TrimPrefix(info.Key, p.folder)
		before := 0
		for before < len(children) && sortKey(children[before]) < key {
			before++
		}
		if !fs.yieldFixed(p, children[:before], yield) {
			return nil, false
		}
		children = children[before:]

		entry := fs.entryInfo(p, strings.TrimSuffix(key, "/"), info)
		if hidden[entry.Name] {
			continue
		}
		if !yield(entry, nil) {
			return nil, false
		}
	}
	return children, true
}

// sortKey returns what the name of a folder is sorted by: its element of a key, as a folder.
func sortKey(name string) string { return keyOf(name) + "/" }

// entryInfo describes what folder p holds under an element of its key.
func (fs *fileSystem) entryInfo(p place, element string, info backends.Info) ftpproto.FileInfo {
	key := p.folder + element
	entry := place{name: path.Join(p.name, nameOf(element)), mount: p.mount, key: key, folder: key + "/"}
	if info.IsPrefix {
		return fs.folderInfo(entry, info)
	}
	return fs.fileInfo(entry, info)
}

// yieldFixed yields fixed folders in p. It reports whether the caller wants more.
func (fs *fileSystem) yieldFixed(p place, children []string, yield func(ftpproto.FileInfo, error) bool) bool {
	for _, child := range children {
		at, err := fs.tree.find(path.Join(p.name, child))
		if err != nil {
			continue // mount points were checked by New
		}
		if !yield(fs.folderInfo(at, backends.Info{}), nil) {
			return false
		}
	}
	return true
}
