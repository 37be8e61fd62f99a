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

// upload is one file that grows under uploadsDir, with a record of its parts beside it. It belongs
// to who has written the record: resuming it writes a new one, and so takes it away from whoever
// had it before and may still live, in this process or in another.
//
// Both files stay open. So no error of writing in the background is lost: Linux tells it to the
// next Sync of what was open by then.
type upload struct {
	d    *Driver
	id   string
	key  string
	opts backends.WriteOptions

	mu     sync.Mutex
	file   *os.File // nil once the upload has ended
	record *os.File // nil before there is one
	parts  []record // as in the record, without a hole
	size   int64    // of the base and the parts
}

// StartUpload makes the file, and copies the base into it.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "start upload"
	if err := d.checkWrite(ctx, op, key, opts); err != nil {
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
		err = u.newRecord(header{Key: key, Base: u.size})
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
	base, now, err := u.d.open(op, u.key)
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
	if err := d.checkWrite(ctx, op, key, opts); err != nil {
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

// load opens the file, believes of the record what the bytes prove, and replaces the record.
func (u *upload) load(ctx context.Context) (err error) {
	if u.file, err = u.d.root.OpenFile(stagedPath(u.id), os.O_RDWR, 0); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			u.close() // and unlock
		}
	}()
	if err := lockFile(u.file); err != nil {
		return err
	}
	head, recorded, err := u.readRecord()
	if err != nil {
		return err
	}
	u.size = head.Base
	if err := u.prove(ctx, recorded); err != nil {
		return err
	}
	if err := u.newRecord(head); err != nil {
		return err
	}
	unlockFile(u.file)
	return nil
}

func (u *upload) ID() backends.UploadID { return backends.UploadID(u.id) }

// enter makes u the only one to work on the upload until leave is called, and fails if it is no
// longer u's to work on.
func (u *upload) enter(ctx context.Context, op string) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, failed(op, u.key, err)
	}
	u.mu.Lock()
	leave = func() {
		if u.file != nil {
			unlockFile(u.file)
		}
		u.mu.Unlock()
	}
	if err := u.lockAndCheck(op); err != nil {
		leave()
		return nil, u.failed(op, err)
	}
	return leave, nil
}

func (u *upload) lockAndCheck(op string) error {
	if u.file == nil {
		return fs.ErrNotExist
	}
	if err := lockFile(u.file); err != nil {
		return err
	}
	mine, err := u.record.Stat()
	if err != nil {
		return err
	}
	current, err := u.d.root.Lstat(u.recordPath())
	if err != nil {
		return err
	}
	if !os.SameFile(mine, current) {
		return backends.NewError(op, u.key, backends.ErrChanged, errors.New("somebody else has resumed the upload"))
	}
	return nil
}

// failed wraps the error of an operation on the upload's own files: where they are gone, it is.
func (u *upload) failed(op string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return backends.NewError(op, u.key, backends.ErrUploadGone, err)
	}
	return failed(op, u.key, err)
}

// PutPart writes the part behind the one before, and then a line into the record. Neither is
// forced to the disk: the sum in the line tells after a power cut whether the bytes are there.
func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	const op = "put part"
	leave, err := u.enter(ctx, op)
	if err != nil {
		return backends.Part{}, err
	}
	defer leave()
	again := number == len(u.parts) && number > 0
	switch {
	case !again && number != len(u.parts)+1:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrUnsupported,
			fmt.Errorf("part %d after %d", number, len(u.parts)))
	case number > maxParts || body.Size > maxPart:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrTooLarge, nil)
	}
	if again { // even if it fails now: its bytes are written over
		u.size -= u.parts[number-1].Size
		u.parts = u.parts[:number-1]
	}
	r, err := u.writePart(number, body)
	if err != nil {
		return backends.Part{}, u.failed(op, err)
	}
	u.parts = append(u.parts, r)
	u.size += r.Size
	return r.part(), nil
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
	_, err = u.record.Write(appendLine(nil, r))
	return r, err
}

// Parts returns the parts that are stored; there are no holes.
func (u *upload) Parts(ctx context.Context) ([]backends.Part, error) {
	leave, err := u.enter(ctx, "list parts")
	if err != nil {
		return nil, err
	}
	defer leave()
	parts := make([]backends.Part, len(u.parts))
	for i, r := range u.parts {
		parts[i] = r.part()
	}
	return parts, nil
}

// Commit forces the file to the disk and renames it. Parts behind the given ones are cut off.
func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	const op = "commit"
	leave, err := u.enter(ctx, op)
	if err != nil {
		return backends.Info{}, err
	}
	defer leave()
	if err := u.checkParts(op, parts, opts.Size); err != nil {
		return backends.Info{}, err
	}
	write := u.opts
	write.Metadata = merged(write.Metadata, opts.Metadata)
	if err := u.d.checkMetadata(op, u.key, write.Metadata); err != nil {
		return backends.Info{}, err
	}
	if err := u.file.Truncate(opts.Size); err != nil {
		return backends.Info{}, u.failed(op, err)
	}
	info, err := u.d.publish(ctx, op, u.key, u.file, u.id, write)
	if err != nil {
		return backends.Info{}, u.failed(op, err)
	}
	_ = u.d.root.Remove(u.recordPath()) // else it is found abandoned
	u.close()                           // forced to the disk by now
	return info, nil
}

// checkParts compares what the writer means to publish with what is stored.
func (u *upload) checkParts(op string, parts []backends.Part, size int64) error {
	if len(parts) > len(u.parts) {
		return backends.NewError(op, u.key, backends.ErrInvalid, fmt.Errorf("%d parts stored of %d", len(u.parts), len(parts)))
	}
	total := u.size
	for _, behind := range u.parts[len(parts):] {
		total -= behind.Size
	}
	if total != size {
		return backends.NewError(op, u.key, backends.ErrInvalid, sizeError(total, size))
	}
	for i, part := range parts {
		if part.Number != i+1 {
			return backends.NewError(op, u.key, backends.ErrInvalid, fmt.Errorf("part %d as number %d", part.Number, i+1))
		}
		if part.Tag != u.parts[i].part().Tag {
			return backends.NewError(op, u.key, backends.ErrChanged, fmt.Errorf("part %d was replaced", part.Number))
		}
	}
	return nil
}

// Abort removes the upload's files. What was committed has another name by now, and what somebody
// else has resumed is not u's to remove.
func (u *upload) Abort(ctx context.Context) error {
	const op = "abort"
	leave, err := u.enter(ctx, op)
	switch {
	case errors.Is(err, backends.ErrUploadGone), errors.Is(err, backends.ErrChanged):
		return nil
	case err != nil:
		return err
	}
	defer leave()
	if err := u.remove(); err != nil {
		return failed(op, u.key, err)
	}
	return nil
}

// remove removes the file first: without it the upload has ended, whatever else fails.
func (u *upload) remove() error {
	for _, local := range []string{stagedPath(u.id), u.recordPath()} {
		if err := u.d.root.Remove(local); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	u.close()
	return nil
}

// close closes what is on the disk by now, or thrown away.
func (u *upload) close() {
	discard(u.file)
	u.file = nil
	if u.record != nil {
		discard(u.record)
	}
}
