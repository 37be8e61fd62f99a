package localstore

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/tidegate/tidegate/backends"
)

// failed wraps what the operating system answered to op on key. What is an *Error by now stays.
func failed(op, key string, err error) error {
	var e *backends.Error
	if errors.As(err, &e) {
		return err
	}
	return backends.NewError(op, key, kindOf(err), err)
}

// errnoKinds sorts the errors that io/fs has no word for.
var errnoKinds = map[syscall.Errno]backends.Kind{
	syscall.ENOSPC:       backends.ErrQuota,
	syscall.EDQUOT:       backends.ErrQuota,
	syscall.EFBIG:        backends.ErrTooLarge,
	syscall.EROFS:        backends.ErrPermission,
	syscall.ENOTDIR:      backends.ErrNotExist, // an element before the last is a file: nothing can lie below
	syscall.EISDIR:       backends.ErrExist,    // a file cannot take the place of a directory
	syscall.ENAMETOOLONG: backends.ErrInvalid,
	syscall.EINVAL:       backends.ErrInvalid,     // a folder moved into itself; a character the disk cannot hold
	syscall.EXDEV:        backends.ErrUnsupported, // another disk mounted below the root: no rename reaches it
	syscall.EIO:          backends.ErrUnavailable,
	syscall.ESTALE:       backends.ErrUnavailable,
	syscall.ETIMEDOUT:    backends.ErrUnavailable,
	syscall.EMFILE:       backends.ErrUnavailable,
	syscall.ENFILE:       backends.ErrUnavailable,
	syscall.ENOMEM:       backends.ErrUnavailable,
}

func kindOf(err error) backends.Kind {
	var errno syscall.Errno
	isErrno := errors.As(err, &errno)
	if kind, ok := errnoKinds[errno]; ok && isErrno {
		return kind
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return backends.ErrNotExist
	case errors.Is(err, fs.ErrExist):
		return backends.ErrExist
	case errors.Is(err, fs.ErrPermission):
		return backends.ErrPermission
	case errors.Is(err, os.ErrClosed):
		return backends.ErrUnavailable
	}
	return backends.ErrUnknown
}

// isNotExist reports whether err says that nothing is there.
func isNotExist(err error) bool { return err != nil && kindOf(err) == backends.ErrNotExist }

func isPathError(err error) bool {
	var path *fs.PathError
	var link *os.LinkError
	return errors.As(err, &path) || errors.As(err, &link)
}

// discard closes what was only read, is forced to the disk already, or is thrown away: nothing is
// lost if that fails.
func discard(c io.Closer) { c.Close() }
