package localstore

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tidegate/tidegate/backends"
)

// uploadLife is how long an unfinished upload that nobody continues is kept: as long as Azure
// keeps uncommitted blocks, and longer than a device is out of reach over a weekend.
const uploadLife = 7 * 24 * time.Hour

// placeTries bounds how often the folders of a new file are made, while another session
// removes them again because they are empty.
const placeTries = 5

// stagedPath is where the upload named id grows.
func stagedPath(id string) string { return filepath.FromSlash(path.Join(uploadsDir, id)) }

// stage makes a new, empty file under a name that nobody else has.
func (d *Driver) stage() (f *os.File, id string, err error) {
	id = rand.Text()
	f, err = d.root.OpenFile(stagedPath(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.root.MkdirAll(filepath.FromSlash(uploadsDir), dirMode); err == nil {
			f, err = d.root.OpenFile(stagedPath(id), os.O_RDWR|os.O_CREATE|os.O_EXCL, fileMode)
		}
	}
	return f, id, err
}

// removeAbandoned removes the staged files that nobody has written to since oldest. What cannot
// be removed now is found again at the next start.
func (d *Driver) removeAbandoned(oldest time.Time) {
	dir, err := d.root.Open(filepath.FromSlash(uploadsDir))
	if err != nil {
		return
	}
	defer discard(dir)
	for {
		names, err := dir.Readdirnames(listBatch)
		for _, name := range names {
			fi, err := d.root.Lstat(stagedPath(name))
			if err != nil {
				continue
			}
			// Not the modification time: that may by now be the one the object is to have.
			if _, changed := identity(fi); time.Unix(0, changed).Before(oldest) {
				_ = d.root.Remove(stagedPath(name))
			}
		}
		if err != nil {
			return
		}
	}
}

// publish makes the staged file f the object at key, under the conditions of opts.
func (d *Driver) publish(ctx context.Context, op, key string, f *os.File, id string, opts backends.WriteOptions) (backends.Info, error) {
	local, err := d.writePath(op, key)
	if err != nil {
		return backends.Info{}, err
	}
	// The clock of the kernel's own stamps stands still for some milliseconds at a time. This
	// one tells two writes of one size apart even if they were given the same inode.
	modTime := opts.ModTime
	if modTime.IsZero() {
		modTime = time.Now()
	}
	if err := d.root.Chtimes(stagedPath(id), time.Time{}, modTime); err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	if err := setMetadata(f, opts.Metadata); err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	if err := f.Sync(); err != nil {
		return backends.Info{}, failed(op, key, err)
	}

	unlock, err := d.locks.Lock(ctx, key)
	if err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	defer unlock()
	if err := d.checkVersion(op, key, local, opts.IfVersion); err != nil {
		return backends.Info{}, err
	}
	if err := d.place(op, key, stagedPath(id), local, !opts.IfAbsent); err != nil {
		return backends.Info{}, err
	}
	fi, err := f.Stat() // once more: a rename changes the inode
	if err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	info, _ := infoOf(key, fi)
	return info, nil
}

// checkVersion checks WriteOptions.IfVersion; the key is locked.
func (d *Driver) checkVersion(op, key, local, version string) error {
	if version == "" {
		return nil
	}
	info, err := d.stat(op, key, local)
	switch {
	case errors.Is(err, backends.ErrNotExist):
		return backends.NewError(op, key, backends.ErrChanged, nil)
	case err != nil:
		return err
	case info.Version != version:
		return backends.NewError(op, key, backends.ErrChanged, nil)
	}
	return nil
}

// place gives from the name to, makes the folders above it, and forces the name to the disk.
func (d *Driver) place(op, key, from, to string, replace bool) error {
	var err error
	for range placeTries {
		err = d.rename(from, to, replace)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			break
		}
		if _, gone := d.root.Lstat(from); gone != nil {
			return failed(op, key, gone)
		}
		if err := d.makeFolders(op, key, parentOf(to)); err != nil && !errors.Is(err, backends.ErrNotExist) {
			return err
		}
	}
	if err != nil {
		return failed(op, key, err)
	}
	return nil
}

// rename fails after the rename if the name cannot be forced to the disk: the object is there, but
// may be gone after a power cut. The writer is told of the failure, and sends it again.
func (d *Driver) rename(from, to string, replace bool) error {
	parent, err := openDir(d.root, parentOf(to)) // before: it may get another name right after
	if err != nil {
		return err
	}
	defer discard(parent)
	if replace {
		err = d.root.Rename(from, to)
	} else {
		err = renameNoReplace(d.root, from, to)
	}
	if err != nil {
		return err
	}
	return syncDir(parent)
}

// syncParent forces the names beside local to the disk.
func (d *Driver) syncParent(local string) error {
	parent, err := openDir(d.root, parentOf(local))
	if err != nil {
		return err
	}
	defer discard(parent)
	return syncDir(parent)
}

// makeFolders makes the directory at local and those above it that are missing, and forces their
// names to the disk.
func (d *Driver) makeFolders(op, key, local string) error {
	fi, err := d.root.Stat(local)
	switch {
	case err == nil && fi.IsDir():
		return nil
	case err == nil || errors.Is(err, syscall.ENOTDIR):
		return backends.NewError(op, key, backends.ErrInvalid, syscall.ENOTDIR) // a file has the name of a folder
	case !errors.Is(err, fs.ErrNotExist):
		return failed(op, key, err)
	}
	if err := d.makeFolders(op, key, parentOf(local)); err != nil {
		return err
	}
	if err := d.root.Mkdir(local, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return failed(op, key, err)
	}
	if err := d.syncParent(local); err != nil {
		return failed(op, key, err)
	}
	return nil
}

// linkNoReplace gives from the name to if nothing has it, by what every file system can do: a file
// gets a second name, which fails where one is. A directory can have one name only; all that its
// rename could replace is an empty directory made in the same moment.
func linkNoReplace(root *os.Root, from, to string) error {
	fi, err := root.Lstat(from)
	if err != nil {
		return err
	}
	if !fi.IsDir() {
		if err := root.Link(from, to); err != nil {
			return err
		}
		return root.Remove(from)
	}
	if _, err := root.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	}
	return root.Rename(from, to)
}
