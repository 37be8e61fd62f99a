// Package localstore keeps objects as files in a directory of the local disk: the key is the
// path, and a key with a "/" at its end is a directory.
//
// A file appears under its key only when all of it is on the disk: it is written under
// .tidegate/uploads/ of the same directory, forced to the disk, and renamed.
//
// Every path is resolved beneath the directory (os.Root), and symbolic links in it are not followed,
// wherever they lead: inside the directory they would lead out of a user's prefix. Links, devices,
// sockets, pipes, and files whose names are not UTF-8 do not exist: nothing lists, reads or removes
// them. Nothing is written below a link; a file written to its name replaces it.
package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tidegate/tidegate/backends"
)

const (
	// Only the owner and the group read what partners send.
	dirMode  = 0o750
	fileMode = 0o640
)

// The limits of a local directory are those of the file system, which answers for itself;
// these only have to lie beyond them, and to fit each other.
const (
	maxPart   = 1 << 30            // far above what anybody holds in memory
	maxParts  = 1 << 20            // a line of about 60 bytes each in the upload's record
	maxObject = maxPart * maxParts // 1 PiB; ext4 ends at 16 TiB

	// maxKey is Linux' PATH_MAX without its NUL, so that other programs reach the files too.
	maxKey = 4095
	// maxElement is what every common file system allows between two "/", in bytes.
	maxElement = 255

	// deleteBatch is how many keys one Delete takes; as on S3, although here it saves nothing.
	deleteBatch = 1000
)

// Options says where the files are.
type Options struct {
	Path string // of the directory; made if it is not there
}

// Driver is a backends.Driver on a directory. It may be shared with other programs, which see
// whole files only, and should write in the same manner. The conditions of a write hold against
// every other writer in this process; IfAbsent holds against other processes too.
type Driver struct {
	path  string
	root  *os.Root
	locks backends.KeyLocks

	attributes bool // the file system keeps metadata
}

var _ backends.Driver = (*Driver)(nil)

// New opens the directory, and makes it if it is not there. It removes what uploads that were
// abandoned uploadLife ago have left.
func New(opts Options) (*Driver, error) {
	if opts.Path == "" {
		return nil, errors.New("local store: no path given")
	}
	if err := os.MkdirAll(opts.Path, dirMode); err != nil {
		return nil, fmt.Errorf("local store: making its directory: %w", err)
	}
	root, err := os.OpenRoot(opts.Path)
	if err != nil {
		return nil, fmt.Errorf("local store: opening its directory: %w", err)
	}
	d := &Driver{path: opts.Path, root: root}
	if err := d.refuseLinks("open", uploadsDir, uploadsDir, backends.ErrPermission); err != nil {
		discard(root)
		return nil, fmt.Errorf("local store: the folder of its uploads: %w", err)
	}
	if d.attributes, err = probe(root); err != nil {
		discard(root)
		return nil, fmt.Errorf("local store: looking at its directory: %w", err)
	}
	d.removeAbandoned(time.Now().Add(-uploadLife))
	return d, nil
}

// probe finds out whether the file system keeps extended attributes, and leaves no trace.
func probe(root *os.Root) (bool, error) {
	dir, err := openDir(root, ".")
	if err != nil {
		return false, err
	}
	defer discard(dir)
	return takesAttributes(dir), nil
}

// Describe returns what a local directory can do.
func (d *Driver) Describe() (backends.Caps, backends.Limits) {
	caps := backends.CapResume | backends.CapBase | backends.CapBasePart | backends.CapCopy | backends.CapMove |
		backends.CapFolders | backends.CapIfAbsent | backends.CapIfVersion | backends.CapTellsAbsent
	if d.attributes {
		caps |= backends.CapMetadata | backends.CapCommitMetadata
	}
	return caps, backends.Limits{
		MaxObject:   maxObject,
		MaxPut:      maxPart,
		MinPart:     1,
		MaxPart:     maxPart,
		MaxParts:    maxParts,
		MaxKey:      maxKey,
		DeleteBatch: deleteBatch,
		Checksum:    backends.NoChecksum,
	}
}

// CheckKey refuses what is no path of files and directories.
func (d *Driver) CheckKey(key string) error { return backends.CheckKey(key, maxKey, maxElement) }

// Check reports whether the directory can be read, and is still the one that New opened: a disk
// mounted or a directory made anew at its path meanwhile would otherwise go unnoticed.
func (d *Driver) Check(ctx context.Context) error {
	const op = "check"
	if err := ctx.Err(); err != nil {
		return failed(op, "", err)
	}
	now, err := os.Stat(d.path)
	if err != nil {
		return backends.NewError(op, "", backends.ErrUnavailable, err)
	}
	opened, err := d.root.Stat(".")
	if err != nil {
		return backends.NewError(op, "", backends.ErrUnavailable, err)
	}
	if !os.SameFile(now, opened) {
		return backends.NewError(op, "", backends.ErrUnavailable,
			fmt.Errorf("%s is another directory than at the start", d.path))
	}
	dir, err := d.root.Open(".")
	if err != nil {
		return failed(op, "", err)
	}
	defer discard(dir)
	if _, err := dir.Readdirnames(1); err != nil && !errors.Is(err, io.EOF) {
		return failed(op, "", err)
	}
	return nil
}

// Close closes the directory.
func (d *Driver) Close() error {
	if err := d.root.Close(); err != nil {
		return failed("close", "", err)
	}
	return nil
}
