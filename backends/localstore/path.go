package localstore

import (
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/tidegate/tidegate/backends"
)

// uploadsDir holds the files of unfinished writes. It lies on the same file system as what it
// becomes, so that a rename publishes it, and inside the part that users never see.
const uploadsDir = backends.StatePrefix + "uploads"

// localPath returns the path beneath the root for key, of a folder as of a file. An error says
// that no file can have this key.
func localPath(op, key string) (string, error) {
	name := strings.TrimSuffix(key, "/")
	if !backends.ValidKey(key) || len(key) > maxKey || private(key) {
		return "", backends.NewError(op, key, backends.ErrInvalid, nil)
	}
	for element := range strings.SplitSeq(name, "/") {
		if len(element) > maxElement { // before folders are made for it, and bytes taken
			return "", backends.NewError(op, key, backends.ErrInvalid, syscall.ENAMETOOLONG)
		}
	}
	local, err := filepath.Localize(name)
	if err != nil {
		return "", backends.NewError(op, key, backends.ErrInvalid, err)
	}
	return local, nil
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
