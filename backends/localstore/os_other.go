//go:build !linux && !darwin

package localstore

import "io/fs"

// identity knows of no inode here: size and modification time alone tell two versions apart.
func identity(fi fs.FileInfo) (inode uint64, changed int64) { return 0, fi.ModTime().UnixNano() }
