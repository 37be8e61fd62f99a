package localstore

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxNames is the most bytes of attribute names that Linux returns of a file (XATTR_LIST_MAX).
const maxNames = 64 << 10

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

// takesAttributes reports whether the file system of dir keeps extended attributes.
func takesAttributes(dir *os.File) bool {
	_, err := unix.Fgetxattr(int(dir.Fd()), attributePrefix+"probe", nil)
	return err == nil || errors.Is(err, unix.ENODATA)
}

func setAttribute(f *os.File, name, value string) error {
	return unix.Fsetxattr(int(f.Fd()), name, []byte(value), 0)
}

// attributes returns those of f whose names begin with prefix, without it. One that is larger than
// any that the driver sets is not the driver's.
func attributes(f *os.File, prefix string) (map[string]string, error) {
	names := make([]byte, maxMetadata)
	n, err := unix.Flistxattr(int(f.Fd()), names)
	if errors.Is(err, unix.ERANGE) {
		names = make([]byte, maxNames)
		n, err = unix.Flistxattr(int(f.Fd()), names)
	}
	if err != nil {
		return nil, &os.PathError{Op: "flistxattr", Path: f.Name(), Err: err}
	}
	var found map[string]string
	for name := range strings.SplitSeq(string(names[:n]), "\x00") {
		short, ours := strings.CutPrefix(name, prefix)
		if !ours {
			continue
		}
		value := make([]byte, maxMetadata)
		n, err := unix.Fgetxattr(int(f.Fd()), name, value)
		switch {
		case errors.Is(err, unix.ERANGE), errors.Is(err, unix.ENODATA): // the latter: gone meanwhile
			continue
		case err != nil:
			return nil, &os.PathError{Op: "fgetxattr", Path: f.Name(), Err: err}
		}
		if found == nil {
			found = make(map[string]string)
		}
		found[short] = string(value[:n])
	}
	return found, nil
}

// startWriteback has the kernel begin to write n bytes of f from off, so that the Sync before a
// Commit finds little to do. It is only a hint.
func startWriteback(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}
