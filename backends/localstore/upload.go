package localstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

// upload is one file that grows under uploadsDir, with a record of its parts beside it.
//
// The file stays open, so that no error of writing in the background is lost: Linux tells it to
// the next Sync of what was open by then.
type upload struct {
	d    *Driver
	id   string
	key  string
	opts backends.WriteOptions

	mu    sync.Mutex
	file  *os.File
	parts []record // as in the file's record, without a hole
	size  int64    // of the base and the parts
}

// StartUpload makes the file, and copies the base into it.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "start upload"
	if err := checkWrite(ctx, op, key, opts); err != nil {
		return nil, err
	}
	f, id, err := d.stage()
	if err != nil {
		return nil, failed(op, key, err)
	}
	u := &upload{d: d, id: id, key: key, opts: opts, file: f}
	if opts.Base != nil {
		u.size = opts.BaseSize
		err = u.copyBase(ctx)
	}
	if err == nil {
		err = u.writeHeader()
	}
	if err != nil {
		_ = u.remove() // else it is found abandoned
		return nil, failed(op, key, err)
	}
	return u, nil
}

// copyBase copies the base into the file. No sum proves it after a power cut, so it is on the disk
// before the record tells of it.
func (u *upload) copyBase(ctx context.Context) error {
	const op = "copy base"
	local, err := localPath(op, u.key)
	if err != nil {
		return err
	}
	base, now, err := u.d.open(op, u.key, local)
	switch {
	case errors.Is(err, backends.ErrNotExist):
		return backends.NewError(op, u.key, backends.ErrChanged, nil)
	case err != nil:
		return err
	}
	defer discard(base)
	if now.Version != u.opts.Base.Version {
		return backends.NewError(op, u.key, backends.ErrChanged, nil)
	}
	if u.opts.BaseSize < 0 || u.opts.BaseSize > now.Size {
		return backends.NewError(op, u.key, backends.ErrRange, nil)
	}
	if err := copyBytes(ctx, u.file, base, u.opts.BaseSize); err != nil {
		return err
	}
	return u.file.Sync()
}

// ResumeUpload finds an upload by its record, and of its parts those whose bytes are there.
func (d *Driver) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "resume upload"
	if err := checkWrite(ctx, op, key, opts); err != nil {
		return nil, err
	}
	u := &upload{d: d, id: string(id), key: key, opts: opts}
	if !validID(u.id) {
		return nil, backends.NewError(op, key, backends.ErrUploadGone, nil)
	}
	if err := u.load(ctx); err != nil {
		return nil, u.failed(op, err)
	}
	return u, nil
}

func (u *upload) ID() backends.UploadID { return backends.UploadID(u.id) }

// failed wraps the error of an operation on the upload's own files: where they are gone, it is.
func (u *upload) failed(op string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, os.ErrClosed) {
		return backends.NewError(op, u.key, backends.ErrUploadGone, err)
	}
	return failed(op, u.key, err)
}

// PutPart writes the part behind the one before, and then a line into the record. Neither is
// forced to the disk: the sum in the line tells after a power cut whether the bytes are there.
func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	const op = "put part"
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return backends.Part{}, failed(op, u.key, err)
	}
	again := number == len(u.parts) && number > 0
	switch {
	case !again && number != len(u.parts)+1:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrUnsupported,
			fmt.Errorf("part %d after %d", number, len(u.parts)))
	case number > maxParts || body.Size > maxPart:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrTooLarge, nil)
	}
	if again {
		if err := u.dropPart(number); err != nil {
			return backends.Part{}, u.failed(op, err)
		}
	}
	r, err := u.writePart(number, body)
	if err != nil {
		return backends.Part{}, u.failed(op, err)
	}
	u.parts = append(u.parts, r)
	u.size += r.Size
	return r.part(), nil
}

// dropPart takes the last part out of the record before its bytes are written over: if that
// fails, no Commit may take it for whole.
func (u *upload) dropPart(number int) error {
	if err := u.writeRecord(record{Number: number, Dropped: true}); err != nil {
		return err
	}
	u.size -= u.parts[number-1].Size
	u.parts = u.parts[:number-1]
	return nil
}

func (u *upload) writePart(number int, body backends.Body) (record, error) {
	var sum summer
	n, err := io.Copy(io.MultiWriter(io.NewOffsetWriter(u.file, u.size), &sum), body.ReadSeeker)
	if err != nil {
		return record{}, err
	}
	if n != body.Size {
		return record{}, backends.NewError("put part", u.key, backends.ErrInvalid, sizeError(n, body.Size))
	}
	startWriteback(u.file, u.size, n)
	r := record{Number: number, Size: n, Sum: uint64(sum)}
	return r, u.writeRecord(r)
}

// Parts returns the parts whose bytes the disk has; there are no holes.
func (u *upload) Parts(ctx context.Context) ([]backends.Part, error) {
	const op = "list parts"
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, failed(op, u.key, err)
	}
	_, records, err := u.readRecords()
	if err != nil {
		return nil, u.failed(op, err)
	}
	parts := make([]backends.Part, len(records))
	for i, r := range records {
		parts[i] = r.part()
	}
	return parts, nil
}

// Commit forces the file to the disk and renames it. Parts behind the given ones are cut off.
func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	const op = "commit"
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := u.checkParts(parts, opts.Size); err != nil {
		return backends.Info{}, u.failed(op, err)
	}
	if err := u.file.Truncate(opts.Size); err != nil {
		return backends.Info{}, u.failed(op, err)
	}
	info, err := u.d.publish(ctx, op, u.key, u.file, u.id, u.opts)
	if err != nil {
		return backends.Info{}, u.failed(op, err)
	}
	discard(u.file) // forced to the disk by now
	u.removeRecord()
	return info, nil
}

// checkParts compares what the writer means to publish with the record, which another process
// may have continued.
func (u *upload) checkParts(parts []backends.Part, size int64) error {
	const op = "commit"
	header, stored, err := u.readRecords()
	if err != nil {
		return err
	}
	if len(parts) > len(stored) {
		return backends.NewError(op, u.key, backends.ErrInvalid, fmt.Errorf("%d parts stored of %d", len(stored), len(parts)))
	}
	total := header.Base
	for i, part := range parts {
		if part.Number != i+1 {
			return backends.NewError(op, u.key, backends.ErrInvalid, fmt.Errorf("part %d as number %d", part.Number, i+1))
		}
		if part.Tag != stored[i].part().Tag {
			return backends.NewError(op, u.key, backends.ErrChanged, fmt.Errorf("part %d was replaced", part.Number))
		}
		total += stored[i].Size
	}
	if total != size {
		return backends.NewError(op, u.key, backends.ErrInvalid, sizeError(total, size))
	}
	return nil
}

// Abort removes the upload's files. What was committed has another name by now.
func (u *upload) Abort(ctx context.Context) error {
	const op = "abort"
	u.mu.Lock()
	defer u.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return failed(op, u.key, err)
	}
	if err := u.remove(); err != nil {
		return failed(op, u.key, err)
	}
	return nil
}

// remove closes and removes the file first: without it the upload has ended, whatever else fails.
func (u *upload) remove() error {
	discard(u.file) // thrown away
	for _, local := range []string{stagedPath(u.id), u.recordPath()} {
		if err := u.d.root.Remove(local); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
