package localstore

import (
	"context"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/tidegate/tidegate/backends"
)

// folderVersion is the version of every folder: the bytes of a marker are none, and never change.
const folderVersion = "folder"

// Stat describes the file or, for a key with a "/" at its end, the directory.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	const op = "stat"
	if err := ctx.Err(); err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	local, err := d.readPath(op, key)
	if err != nil {
		return backends.Info{}, err
	}
	return d.describe(op, key, local)
}

func (d *Driver) stat(op, key, local string) (backends.Info, error) {
	fi, err := d.root.Lstat(local)
	if err != nil {
		return backends.Info{}, failed(op, key, err)
	}
	info, ok := infoOf(key, fi)
	if !ok {
		return backends.Info{}, backends.NewError(op, key, backends.ErrNotExist, nil)
	}
	return info, nil
}

// infoOf describes fi as the object or the marker that key asks for; false if it is neither.
func infoOf(key string, fi fs.FileInfo) (backends.Info, bool) {
	info := backends.Info{Key: key, ModTime: fi.ModTime()}
	if strings.HasSuffix(key, "/") {
		info.Version = folderVersion
		return info, fi.IsDir()
	}
	info.Size = fi.Size()
	info.Version = versionOf(fi)
	return info, fi.Mode().IsRegular()
}

// versionOf tells the contents of a file by its inode, its size and its times. The time of the
// last change of the inode (ctime) cannot be set from outside, so that bytes changed in place
// show even where the modification time was put back.
func versionOf(fi fs.FileInfo) string {
	inode, changed := identity(fi)
	version := strconv.AppendUint(nil, inode, 36)
	for _, n := range []int64{fi.Size(), fi.ModTime().UnixNano(), changed} {
		version = append(version, '-')
		version = strconv.AppendInt(version, n, 36)
	}
	return string(version)
}

// ReadRange opens the file and reads from it: what replaces it meanwhile does not disturb.
func (d *Driver) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	const op = "read"
	if err := ctx.Err(); err != nil {
		return nil, backends.Info{}, failed(op, key, err)
	}
	f, info, err := d.open(op, key)
	if err != nil {
		return nil, backends.Info{}, err
	}
	r, err := readRange(f, info, version, off, n)
	if err != nil {
		discard(f)
		return nil, backends.Info{}, failed(op, key, err)
	}
	return r, info, nil
}

// open opens the file, or the directory if key asks for one.
func (d *Driver) open(op, key string) (*os.File, backends.Info, error) {
	local, err := d.readPath(op, key)
	if err != nil {
		return nil, backends.Info{}, err
	}
	return d.openAt(op, key, local)
}

func (d *Driver) openAt(op, key, local string) (*os.File, backends.Info, error) {
	f, err := d.root.OpenFile(local, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, backends.Info{}, failed(op, key, err)
	}
	info, err := d.infoOfFile(op, key, f)
	if err != nil {
		discard(f)
		return nil, backends.Info{}, failed(op, key, err)
	}
	return f, info, nil
}

// infoOfFile describes f with all that is known of it.
func (d *Driver) infoOfFile(op, key string, f *os.File) (backends.Info, error) {
	fi, err := f.Stat()
	if err != nil {
		return backends.Info{}, err
	}
	info, ok := infoOf(key, fi)
	if !ok {
		return backends.Info{}, backends.NewError(op, key, backends.ErrNotExist, nil)
	}
	if !info.IsMarker() {
		info.Metadata, err = d.metadata(f)
	}
	return info, err
}

func readRange(f *os.File, info backends.Info, version string, off, n int64) (*fileRange, error) {
	if version != "" && version != info.Version {
		return nil, backends.NewError("read", info.Key, backends.ErrChanged, nil)
	}
	if off < 0 || off > info.Size {
		return nil, backends.NewError("read", info.Key, backends.ErrRange, nil)
	}
	if _, err := f.Seek(off, io.SeekStart); err != nil {
		return nil, err
	}
	// Bytes that another program appends meanwhile belong to another version.
	if rest := info.Size - off; n < 0 || n > rest {
		n = rest
	}
	return &fileRange{rest: io.LimitedReader{R: f, N: n}, file: f, key: info.Key}, nil
}

// fileRange reads a part of a file.
type fileRange struct {
	rest io.LimitedReader // of file
	file *os.File
	key  string
}

func (r *fileRange) Read(p []byte) (int, error) {
	n, err := r.rest.Read(p)
	return n, r.check(err)
}

// WriteTo lets the kernel move the bytes where it can: a TCP connection takes a LimitedReader of
// a file by sendfile.
func (r *fileRange) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, &r.rest)
	switch {
	case isPathError(err):
		return n, failed("read", r.key, err)
	case err != nil:
		return n, err // the writer's
	case r.rest.N > 0:
		return n, r.check(io.EOF)
	}
	return n, nil
}

// check tells a file that has been cut meanwhile from one that has been read.
func (r *fileRange) check(err error) error {
	switch {
	case err == nil:
		return nil
	case err != io.EOF: //nolint:errorlint // a Reader returns io.EOF itself
		return failed("read", r.key, err)
	case r.rest.N > 0:
		return backends.NewError("read", r.key, backends.ErrChanged, io.ErrUnexpectedEOF)
	}
	return io.EOF
}

func (r *fileRange) Close() error { return r.file.Close() }
