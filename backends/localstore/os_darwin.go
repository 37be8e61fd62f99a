package localstore

import (
	"io/fs"
	"syscall"
)

// identity returns the inode of fi and when it last changed.
func identity(fi fs.FileInfo) (inode uint64, changed int64) {
	st := fi.Sys().(*syscall.Stat_t)
	return st.Ino, st.Ctimespec.Nano()
}
