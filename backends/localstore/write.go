package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/tidegate/tidegate/backends"
)

// copyChunk is how much is copied between two looks at the context.
const copyChunk = 64 << 20

// Put writes the file at key. A marker is a directory, made with those above it.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	const op = "put"
	if isFolderKey(key) && body.Size == 0 {
		return d.putFolder(ctx, op, key, opts)
	}
	return d.write(ctx, op, key, opts, func(f *os.File) error {
		n, err := io.Copy(f, body.ReadSeeker)
		if err == nil && n != body.Size {
			err = backends.NewError(op, key, backends.ErrInvalid, sizeError(n, body.Size))
		}
		return err
	})
}

func sizeError(got, want int64) error {
	return fmt.Errorf("%d bytes instead of %d", got, want)
}

// write publishes at key what fill writes to a file, or leaves nothing.
func (d *Driver) write(ctx context.Context, op, key string, opts backends.WriteOptions, fill func(*os.File) error) (backends.Info, error) {
	if err := d.checkWrite(ctx, op, key, opts); err != nil {
		return backends.Info{}, err
	}
	f, id, err := d.stage()
	if err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	info, err := backends.Info{}, fill(f)
	if err == nil {
		info, err = d.publish(ctx, op, key, f, id, opts)
	}
	discard(f) // forced to the disk by now, or thrown away
	if err != nil {
		_ = d.root.Remove(stagedPath(id)) // else it is found abandoned
		return backends.Info{}, failed(op, key, err)
	}
	return info, nil
}

// checkWrite refuses early what can never become an object.
func (d *Driver) checkWrite(ctx context.Context, op, key string, opts backends.WriteOptions) error {
	if err := ctx.Err(); err != nil {
		return failed(op, key, err)
	}
	if isFolderKey(key) {
		return backends.NewError(op, key, backends.ErrInvalid, errors.New("a folder holds no bytes"))
	}
	if opts.Base != nil && opts.Base.Key != key {
		return backends.NewError(op, key, backends.ErrInvalid, errors.New("the base is another key"))
	}
	if err := d.admit(op, key, opts); err != nil {
		return err
	}
	_, err := d.writePath(op, key)
	return err
}

// checkTime refuses what 64 bits of nanoseconds, which package os counts in, cannot tell.
func checkTime(op, key string, t time.Time) error {
	if t.IsZero() || t.Equal(time.Unix(0, t.UnixNano())) {
		return nil
	}
	return backends.NewError(op, key, backends.ErrUnsupported, fmt.Errorf("a time in the year %d", t.Year()))
}

// putFolder makes the directory at key, and those above it.
func (d *Driver) putFolder(ctx context.Context, op, key string, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.admit(op, key, opts); err != nil {
		return backends.Info{}, err
	}
	local, err := d.writePath(op, key)
	if err != nil {
		return backends.Info{}, err
	}
	unlock, err := d.locks.Lock(ctx, key)
	if err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	defer unlock()
	if err := d.checkVersion(op, key, local, opts.IfVersion); err != nil {
		return backends.Info{}, err
	}
	if err := d.makeFolders(op, key, parentOf(local)); err != nil {
		return backends.Info{}, err
	}
	switch err := d.root.Mkdir(local, dirMode); {
	case err == nil:
		if err := d.syncParent(local); err != nil {
			return backends.Info{}, failed(op, key, err)
		}
	case opts.IfAbsent || !errors.Is(err, fs.ErrExist):
		return backends.Info{}, failed(op, key, err)
	}
	info, err := d.stat(op, key, local)
	if errors.Is(err, backends.ErrNotExist) {
		err = backends.NewError(op, key, backends.ErrExist, err) // a file has its name
	}
	return info, err
}

// Copy copies the file inside the disk; the kernel shares the blocks where the file system can.
func (d *Driver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "copy"
	if dst == src.Key {
		return d.restamp(ctx, op, src, opts)
	}
	if src.IsMarker() && isFolderKey(dst) {
		if _, err := d.Stat(ctx, src.Key); err != nil {
			return backends.Info{}, err
		}
		return d.putFolder(ctx, op, dst, opts)
	}
	from, now, err := d.open(op, src.Key)
	if err != nil {
		return backends.Info{}, err
	}
	defer discard(from)
	if src.Version != "" && now.Version != src.Version {
		return backends.Info{}, backends.NewError(op, src.Key, backends.ErrChanged, nil)
	}
	if opts.ModTime.IsZero() {
		opts.ModTime = now.ModTime
	}
	opts.Metadata = merged(now.Metadata, opts.Metadata)
	return d.write(ctx, op, dst, opts, func(f *os.File) error { return copyBytes(ctx, f, from, now.Size) })
}

// restamp is a Copy onto itself: it replaces what a disk keeps beside the bytes.
func (d *Driver) restamp(ctx context.Context, op string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	local, err := d.readPath(op, src.Key)
	if err != nil {
		return backends.Info{}, err
	}
	unlock, err := d.locks.Lock(ctx, src.Key)
	if err != nil {
		return backends.Info{}, failed(op, src.Key, err)
	}
	defer unlock()
	if opts.IfAbsent {
		return backends.Info{}, backends.NewError(op, src.Key, backends.ErrExist, nil)
	}
	if err := d.admit(op, src.Key, opts); err != nil {
		return backends.Info{}, err
	}
	if err := d.checkSource(op, src, local); err != nil {
		return backends.Info{}, err
	}
	if err := d.checkVersion(op, src.Key, local, opts.IfVersion); err != nil {
		return backends.Info{}, err
	}
	return d.restampAt(op, src.Key, local, opts)
}

// restampAt gives what is at local the metadata and the modification time of opts, and describes it.
func (d *Driver) restampAt(op, key, local string, opts backends.WriteOptions) (backends.Info, error) {
	if len(opts.Metadata) > 0 {
		f, _, err := d.openAt(op, key, local)
		if err != nil {
			return backends.Info{}, err
		}
		defer discard(f)
		if err := setMetadata(f, opts.Metadata); err != nil {
			return backends.Info{}, failed(op, key, err)
		}
	}
	if !opts.ModTime.IsZero() {
		if err := d.root.Chtimes(local, time.Time{}, opts.ModTime); err != nil {
			return backends.Info{}, failed(op, key, err)
		}
	}
	return d.stat(op, key, local)
}

// checkSource checks that src is there and still the version that is meant; its key is locked.
func (d *Driver) checkSource(op string, src backends.Info, local string) error {
	now, err := d.stat(op, src.Key, local)
	if err == nil && src.Version != "" && now.Version != src.Version {
		err = backends.NewError(op, src.Key, backends.ErrChanged, nil)
	}
	return err
}

// copyBytes copies the next n bytes of from, by copy_file_range where the system has it.
func copyBytes(ctx context.Context, to, from *os.File, n int64) error {
	for n > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		m, err := io.CopyN(to, from, min(n, copyChunk))
		if errors.Is(err, io.EOF) {
			return backends.NewError("copy", "", backends.ErrChanged, io.ErrUnexpectedEOF) // cut meanwhile
		}
		if err != nil {
			return err
		}
		n -= m
	}
	return nil
}

// Move renames a file, or a directory with all that is in it.
func (d *Driver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "move"
	from, err := d.readPath(op, src.Key)
	if err != nil {
		return backends.Info{}, err
	}
	to, err := d.writePath(op, dst)
	if err != nil {
		return backends.Info{}, err
	}
	if err := d.admit(op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	folder := isFolderKey(src.Key)
	if folder != isFolderKey(dst) || folder && inside(dst, src.Key) {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrInvalid, nil)
	}
	unlock, err := d.locks.Lock(ctx, src.Key, dst)
	if err != nil {
		return backends.Info{}, failed(op, src.Key, err)
	}
	defer unlock()
	if err := d.checkSource(op, src, from); err != nil {
		return backends.Info{}, err
	}
	if err := d.checkVersion(op, dst, to, opts.IfVersion); err != nil {
		return backends.Info{}, err
	}
	if err := d.place(op, dst, from, to, !opts.IfAbsent && !folder); err != nil {
		return backends.Info{}, err
	}
	if err := d.syncParent(from); err != nil && !errors.Is(err, fs.ErrNotExist) { // removed, as it is empty now
		return backends.Info{}, failed(op, src.Key, err)
	}
	return d.restampAt(op, dst, to, opts)
}

// Delete removes the files and empty directories that targets name. It is not forced to the disk: after a
// power cut something may be back, which loses nothing.
func (d *Driver) Delete(ctx context.Context, targets []backends.Target) error {
	var errs []error
	for _, target := range targets {
		if err := d.delete(ctx, target); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (d *Driver) delete(ctx context.Context, target backends.Target) error {
	const op = "delete"
	key := target.Key
	local, err := d.readPath(op, key)
	if err != nil {
		return err
	}
	unlock, err := d.locks.Lock(ctx, key)
	if err != nil {
		return failed(op, key, err)
	}
	defer unlock()
	info, err := d.stat(op, key, local)
	switch {
	case err != nil:
	case target.Version != "" && target.Version != info.Version:
		return backends.NewError(op, key, backends.ErrChanged, nil)
	default:
		err = d.root.Remove(local)
	}
	switch {
	case err == nil:
		return nil
	case isFolderKey(key) && errors.Is(err, fs.ErrExist):
		return backends.NewError(op, key, backends.ErrNotEmpty, err)
	}
	return failed(op, key, err)
}
