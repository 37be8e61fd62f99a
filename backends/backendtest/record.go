package backendtest

import (
	"context"
	"io"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

// Recorder is a driver that notes each call to the one below it.
type Recorder struct {
	backends.Driver

	mu    sync.Mutex
	calls []string
}

// Record returns a Recorder over d.
func Record(d backends.Driver) *Recorder { return &Recorder{Driver: d} }

// Calls returns the names of the methods called since the last time, in order: "Put", "PutPart".
// Describe, CheckKey and Close, which make no request, are not among them.
func (r *Recorder) Calls() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

func (r *Recorder) note(call string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, call)
}

// Check implements backends.Driver.
func (r *Recorder) Check(ctx context.Context) error {
	r.note("Check")
	return r.Driver.Check(ctx)
}

// Stat implements backends.Driver.
func (r *Recorder) Stat(ctx context.Context, key string) (backends.Info, error) {
	r.note("Stat")
	return r.Driver.Stat(ctx, key)
}

// ListPage implements backends.Driver.
func (r *Recorder) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	r.note("ListPage")
	return r.Driver.ListPage(ctx, opts)
}

// ReadRange implements backends.Driver.
func (r *Recorder) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	r.note("ReadRange")
	return r.Driver.ReadRange(ctx, key, version, off, n)
}

// Put implements backends.Driver.
func (r *Recorder) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	r.note("Put")
	return r.Driver.Put(ctx, key, body, opts)
}

// StartUpload implements backends.Driver.
func (r *Recorder) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	r.note("StartUpload")
	u, err := r.Driver.StartUpload(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	return &recordedUpload{Upload: u, recorder: r}, nil
}

// ResumeUpload implements backends.Driver.
func (r *Recorder) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	r.note("ResumeUpload")
	u, err := r.Driver.ResumeUpload(ctx, key, id, opts)
	if err != nil {
		return nil, err
	}
	return &recordedUpload{Upload: u, recorder: r}, nil
}

// Copy implements backends.Driver.
func (r *Recorder) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	r.note("Copy")
	return r.Driver.Copy(ctx, dst, src, opts)
}

// Move implements backends.Driver.
func (r *Recorder) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	r.note("Move")
	return r.Driver.Move(ctx, dst, src, opts)
}

// Delete implements backends.Driver.
func (r *Recorder) Delete(ctx context.Context, targets []backends.Target) error {
	r.note("Delete")
	return r.Driver.Delete(ctx, targets)
}

type recordedUpload struct {
	backends.Upload
	recorder *Recorder
}

func (u *recordedUpload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	u.recorder.note("PutPart")
	return u.Upload.PutPart(ctx, number, body)
}

func (u *recordedUpload) Parts(ctx context.Context) ([]backends.Part, error) {
	u.recorder.note("Parts")
	return u.Upload.Parts(ctx)
}

func (u *recordedUpload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	u.recorder.note("Commit")
	return u.Upload.Commit(ctx, parts, opts)
}

func (u *recordedUpload) Abort(ctx context.Context) error {
	u.recorder.note("Abort")
	return u.Upload.Abort(ctx)
}
