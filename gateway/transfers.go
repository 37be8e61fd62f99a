package gateway

import (
	"context"
	"io"
	"log/slog"

	"github.com/tidegate/tidegate/backends"
)

// download is a file that is being read.
type download struct {
	fs     *fileSystem
	place  place
	reader *backends.Reader
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.reader.Read(p)
	return n, d.fs.reply(d.place, err)
}

// WriteTo hands the connection on, so that a local file can be sent by the kernel.
func (d *download) WriteTo(w io.Writer) (int64, error) {
	n, err := d.reader.WriteTo(w)
	return n, d.fs.reply(d.place, err)
}

func (d *download) Close() error { return d.fs.reply(d.place, d.reader.Close()) }

// upload is a file that is being written.
type upload struct {
	fs     *fileSystem
	place  place
	id     string // FactUpload
	writer *backends.Writer
}

func (u *upload) Write(p []byte) (int, error) {
	n, err := u.writer.Write(p)
	return n, u.fs.reply(u.place, err)
}

// ReadFrom hands the connection on, so that it is read straight into the buffers of parts.
func (u *upload) ReadFrom(r io.Reader) (int64, error) {
	n, err := u.writer.ReadFrom(r)
	return n, u.fs.reply(u.place, err)
}

// Commit succeeds only if the store has said that it has the whole file.
func (u *upload) Commit(ctx context.Context) error {
	if _, err := u.writer.Commit(ctx); err != nil {
		return u.fs.reply(u.place, err)
	}
	u.log().Info("upload published")
	return nil
}

func (u *upload) Abort(ctx context.Context, cause error) error {
	u.log().Info("upload not published", "err", cause)
	return u.fs.reply(u.place, u.writer.Abort(ctx))
}

// log says which upload a line is about, and where its object is to be found.
func (u *upload) log() *slog.Logger {
	return u.fs.log.With("path", u.place.name, "store", u.place.mount.store.Name(), "key", u.place.key,
		"upload", u.id, "bytes", u.writer.Size())
}
