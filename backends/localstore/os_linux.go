package localstore

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// identity returns the inode of fi and when it last changed.
func identity(fi fs.FileInfo) (inode uint64, changed int64) {
	st := fi.Sys().(*syscall.Stat_t)
	return st.Ino, st.Ctim.Nano()
}

// renameNoReplace gives from the name to if nothing has it.
func renameNoReplace(root *os.Root, from, to string) error {
	fromDir, err := openDir(root, parentOf(from))
	if err != nil {
		return err
	}
	defer discard(fromDir)
	toDir, err := openDir(root, parentOf(to))
	if err != nil {
		return err
	}
	defer discard(toDir)

	err = unix.Renameat2(int(fromDir.Fd()), path.Base(from), int(toDir.Fd()), path.Base(to), unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		return linkNoReplace(root, from, to) // NFS and some FUSE file systems know no flags
	}
	if err != nil {
		return &os.LinkError{Op: "renameat2", Old: from, New: to, Err: err}
	}
	return nil
}

// startWriteback has the kernel begin to write n bytes of f from off, so that the Sync before a
// Commit finds little to do. It is only a hint.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
