package localstore

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/tidegate/tidegate/backends"
)

// uploadsDir holds the files of unfinished writes. It lies on the same file system as what it
// becomes, so that a rename publishes it, and inside the part that users never see.
const uploadsDir = backends.StatePrefix + "uploads"

// localPath returns the path beneath the root for key, of a folder as of a file. An error says
// that no file can have this key.
func localPath(op, key string) (string, error) {
	name := strings.TrimSuffix(key, "/")
	if err := backends.CheckKey(key, maxKey, maxElement); err != nil {
		return "", err
	}
	if private(key) {
		return "", backends.NewError(op, key, backends.ErrInvalid, nil)
	}
	local, err := filepath.Localize(name)
	if err != nil {
		return "", backends.NewError(op, key, backends.ErrInvalid, err)
	}
	return local, nil
}

// linkModes tell what leads elsewhere: a symbolic link, or what Windows has besides (a junction).
const linkModes = fs.ModeSymlink | fs.ModeIrregular

var errLink = errors.New("symbolic links are not followed")

// readPath returns the path beneath the root for key, if it is no link and lies below none: else
// there is nothing to read or to remove.
func (d *Driver) readPath(op, key string) (string, error) {
	local, err := localPath(op, key)
	if err != nil {
		return "", err
	}
	return local, d.refuseLinks(op, key, local, backends.ErrNotExist)
}

// writePath returns the path beneath the root for key, if it lies below no link. It may be one
// itself: a rename replaces the link, and not what it leads to.
func (d *Driver) writePath(op, key string) (string, error) {
	local, err := localPath(op, key)
	if err != nil {
		return "", err
	}
	return local, d.refuseLinks(op, key, parentOf(local), backends.ErrPermission)
}

// refuseLinks fails with kind if an element of local is a link.
func (d *Driver) refuseLinks(op, key, local string, kind backends.Kind) error {
	linked, err := d.hasLink(local)
	if err != nil {
		return failed(op, key, err)
	}
	if linked {
		return backends.NewError(op, key, kind, errLink)
	}
	return nil
}

// hasLink reports whether an element of local is a link. os.Root keeps every path inside the
// store, but users are kept inside their prefixes by their keys alone, which a link would void.
//
// A link that comes to lie there between this look and the use of the path is not seen. Over FTP
// nobody makes one; it would take an account on this machine which may write here or, at that very
// moment, the renaming of a folder in which somebody with such an account has laid one.
func (d *Driver) hasLink(local string) (bool, error) {
	at, err := d.root.OpenRoot(".")
	if err != nil {
		return false, err
	}
	defer func() { discard(at) }()
	rest := filepath.ToSlash(local)
	for {
		name, below, more := strings.Cut(rest, "/")
		fi, err := at.Lstat(name)
		switch {
		case isNotExist(err):
			return false, nil
		case err != nil:
			return false, err
		case fi.Mode()&linkModes != 0:
			return true, nil
		case !more || !fi.IsDir():
			return false, nil
		}
		next, err := at.OpenRoot(name)
		if isNotExist(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		discard(at) // one at a time: a path may have more elements than a process may have files
		at, rest = next, below
	}
}

// private reports whether key is the driver's own: the uploads, and the folder that they need.
// The rest of the state prefix belongs to the Store.
func private(key string) bool {
	return strings.HasPrefix(key+"/", uploadsDir+"/") || strings.TrimSuffix(key, "/")+"/" == backends.StatePrefix
}

// parentOf returns the folder that local lies in, "." for the root.
func parentOf(local string) string { return path.Dir(filepath.ToSlash(local)) }

// inside reports whether key lies in folder.
func inside(key, folder string) bool {
	return len(key) > len(folder) && strings.HasPrefix(key, folder)
}

// isFolderKey reports whether key is that of a marker.
func isFolderKey(key string) bool { return strings.HasSuffix(key, "/") }
