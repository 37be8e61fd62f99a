//go:build unix

package localstore

import (
	"errors"
	"os"
	"syscall"
)

// openNonblock keeps the opening of a pipe from waiting for its other end.
const openNonblock = syscall.O_NONBLOCK

// openDir opens a directory, and does not wait for the other end of what is a pipe.
func openDir(root *os.Root, local string) (*os.File, error) {
	return root.OpenFile(local, os.O_RDONLY|syscall.O_DIRECTORY, 0)
}

// syncDir forces the names in directory dir to the disk.
func syncDir(dir *os.File) error {
	if err := dir.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return err // EINVAL: a file system whose directories need no Sync, or know none
	}
	return nil
}

// lockFile waits until nobody else has locked the file, through another opening of it.
func lockFile(f *os.File) error { return flock(f, syscall.LOCK_EX) }

func unlockFile(f *os.File) { _ = flock(f, syscall.LOCK_UN) } // a closed file is unlocked

func flock(f *os.File, how int) error {
	for {
		if err := syscall.Flock(int(f.Fd()), how); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
