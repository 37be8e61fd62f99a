package ftptest

import (
	"context"
	"io"
	"path"
	"slices"

	"github.com/tidegate/tidegate/ftpproto"
)

// reader reads one version of a file.
type reader struct {
	fs     *FS
	ctx    context.Context //nolint:containedctx // as the contract has it: the context of Open is that of the reading
	name   string
	data   []byte
	pos    int64 // bytes read
	stop   *Hook // of OpRead, until it has been called
	closed bool
}

func newReader(ctx context.Context, fs *FS, name string, data []byte) *reader {
	fs.opened("reader of " + name)
	return &reader{fs: fs, ctx: ctx, name: name, data: data, stop: fs.transferHook(OpRead, name)}
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.closed {
		r.fs.breach("read of closed %q", r.name)
	}
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	p, err := r.fs.passes(r.ctx, &r.stop, r.pos, p)
	if err != nil {
		return 0, err
	}
	n := copy(p, r.data[r.pos:])
	r.pos += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.closed {
		r.fs.breach("reader of %q closed twice", r.name)
		return nil
	}
	r.closed = true
	r.fs.closed("reader of " + r.name)
	return nil
}

// upload is an ftpproto.File.
type upload struct {
	fs   *FS
	ctx  context.Context //nolint:containedctx // as the contract has it: the context of Create is that of the writing
	name string
	opts ftpproto.CreateOptions
	old  *node // what it replaces
	data []byte
	pos  int64 // bytes written
	stop *Hook // of OpWrite, until it has been called
	done bool  // committed or aborted
}

func newUpload(ctx context.Context, fs *FS, name string, old *node, opts ftpproto.CreateOptions) *upload {
	u := &upload{fs: fs, ctx: ctx, name: name, opts: opts, old: old, stop: fs.transferHook(OpWrite, name)}
	switch {
	case old != nil && opts.Append:
		u.data = slices.Clone(old.data)
	case old != nil:
		u.data = slices.Clone(old.data[:opts.Offset])
	}
	fs.opened("upload to " + name)
	return u
}

// Write implements io.Writer.
func (u *upload) Write(p []byte) (int, error) {
	if u.done {
		u.fs.breach("write to %q after its end", u.name)
	}
	written := 0
	for written < len(p) {
		if err := u.ctx.Err(); err != nil {
			return written, err
		}
		part, err := u.fs.passes(u.ctx, &u.stop, u.pos, p[written:])
		if err != nil {
			return written, err
		}
		u.data = append(u.data, part...)
		u.pos += int64(len(part))
		written += len(part)
	}
	return written, nil
}

// Commit implements ftpproto.File.
func (u *upload) Commit(ctx context.Context) error {
	u.end("committed")
	if err := u.fs.before(ctx, OpCommit, u.name); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	u.fs.mu.Lock()
	defer u.fs.mu.Unlock()
	now := u.fs.nodes[u.name]
	switch {
	case now != nil && now.dir:
		return ftpproto.ErrNotFile
	case now != nil && u.opts.Exclusive:
		return ftpproto.ErrExist
	case now != u.old && (u.opts.Append || u.opts.Offset > 0):
		return ftpproto.NewError(450, "The file has changed meanwhile.", nil)
	}
	if err := u.fs.makeFolders(path.Dir(u.name)); err != nil {
		return err
	}
	u.fs.nodes[u.name] = u.fs.newNode(false, u.data)
	return nil
}

// Abort implements ftpproto.File.
func (u *upload) Abort(ctx context.Context, cause error) error {
	u.end("aborted")
	if cause == nil {
		u.fs.breach("upload to %q aborted without a cause", u.name)
	}
	if ctx.Err() != nil {
		u.fs.breach("upload to %q aborted with a context that has ended", u.name)
	}
	return u.fs.before(ctx, OpAbort, u.name)
}

func (u *upload) end(how string) {
	if u.done {
		u.fs.breach("upload to %q %s after its end", u.name, how)
		return
	}
	u.done = true
	u.fs.closed("upload to " + u.name)
}

// directUpload reads the data connection itself.
type directUpload struct{ *upload }

// ReadFrom implements io.ReaderFrom.
func (u directUpload) ReadFrom(src io.Reader) (int64, error) {
	var total int64
	buf := make([]byte, 32<<10)
	for {
		n, err := src.Read(buf)
		written, werr := u.Write(buf[:n])
		total += int64(written)
		switch {
		case werr != nil:
			return total, werr
		case err == io.EOF:
			return total, nil
		case err != nil:
			return total, err
		}
	}
}

// transferHook returns the hook for a transfer that begins, nil if there is none.
func (f *FS) transferHook(op Op, name string) *Hook {
	h, ok := f.hook(op, name)
	if !ok {
		return nil
	}
	return &h
}

// passes returns how much of p goes by before the hook stands in the way; once pos is there it
// calls the hook, and forgets it if it lets the transfer go on.
func (f *FS) passes(ctx context.Context, stop **Hook, pos int64, p []byte) ([]byte, error) {
	h := *stop
	if h == nil {
		return p, nil
	}
	if pos >= h.At {
		err := h.Do(ctx)
		if err == nil {
			*stop = nil
		}
		return p, err
	}
	return p[:min(int64(len(p)), h.At-pos)], nil
}
