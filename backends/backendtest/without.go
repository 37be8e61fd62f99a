package backendtest

import (
	"context"
	"fmt"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

// Without returns d as a store that lacks the abilities caps: they are not declared, and asking
// for them is ErrUnsupported. So the fallbacks on top can be tested with any driver.
func Without(d backends.Driver, caps backends.Caps) backends.Driver {
	return &without{Driver: d, masked: caps}
}

type without struct {
	backends.Driver
	masked backends.Caps
}

func (d *without) Describe() (backends.Caps, backends.Limits) {
	caps, limits := d.Driver.Describe()
	return caps &^ d.masked, limits
}

func (d *without) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.refuse("put", key, 0, opts); err != nil {
		return backends.Info{}, err
	}
	return d.Driver.Put(ctx, key, body, opts)
}

func (d *without) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	if err := d.refuse("start upload", key, 0, opts); err != nil {
		return nil, err
	}
	u, err := d.Driver.StartUpload(ctx, key, opts)
	if err != nil {
		return nil, err
	}
	return &withoutUpload{Upload: u, driver: d, key: key}, nil
}

func (d *without) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	if err := d.refuse("resume upload", key, backends.CapResume, opts); err != nil {
		return nil, err
	}
	u, err := d.Driver.ResumeUpload(ctx, key, id, opts)
	if err != nil {
		return nil, err
	}
	parts, err := u.Parts(ctx)
	if err != nil {
		return nil, err
	}
	return &withoutUpload{Upload: u, driver: d, key: key, last: len(parts)}, nil
}

func (d *without) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.refuse("copy", dst, backends.CapCopy, opts); err != nil {
		return backends.Info{}, err
	}
	return d.Driver.Copy(ctx, dst, src, opts)
}

func (d *without) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	if err := d.refuse("move", dst, backends.CapMove, opts); err != nil {
		return backends.Info{}, err
	}
	return d.Driver.Move(ctx, dst, src, opts)
}

func (d *without) Delete(ctx context.Context, targets []backends.Target) error {
	for _, target := range targets {
		if target.Version != "" && d.masked.Has(backends.CapIfVersion) {
			return backends.NewError("delete", target.Key, backends.ErrUnsupported, nil)
		}
	}
	err := d.Driver.Delete(ctx, targets)
	if d.masked.Has(backends.CapTellsAbsent) {
		return backends.AbsentIsDeleted(err)
	}
	return err
}

// refuse answers ErrUnsupported if a call needs what is masked.
func (d *without) refuse(op, key string, needs backends.Caps, opts backends.WriteOptions) error {
	if opts.IfAbsent {
		needs |= backends.CapIfAbsent
	}
	if opts.IfVersion != "" {
		needs |= backends.CapIfVersion
	}
	if opts.Base != nil {
		needs |= backends.CapBase
		if opts.BaseSize < opts.Base.Size {
			needs |= backends.CapBasePart
		}
	}
	if len(opts.Metadata) > 0 {
		needs |= backends.CapMetadata
	}
	if len(opts.Tags) > 0 {
		needs |= backends.CapTags
	}
	if opts.StorageClass != "" {
		needs |= backends.CapStorageClass
	}
	if needs&d.masked != 0 {
		return backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	return nil
}

type withoutUpload struct {
	backends.Upload
	driver *without
	key    string

	mu   sync.Mutex
	busy bool
	last int // the number put last
}

func (u *withoutUpload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	if u.driver.masked.Has(backends.CapParallelParts) {
		if err := u.enter(number); err != nil {
			return backends.Part{}, err
		}
		defer u.leave()
	}
	return u.Upload.PutPart(ctx, number, body)
}

// enter refuses parts that overlap or come out of order.
func (u *withoutUpload) enter(number int) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy || number != u.last && number != u.last+1 {
		return backends.NewError("put part", u.key, backends.ErrUnsupported, fmt.Errorf("part %d after %d", number, u.last))
	}
	u.busy, u.last = true, number
	return nil
}

func (u *withoutUpload) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy = false
}

func (u *withoutUpload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	if len(opts.Metadata) > 0 && u.driver.masked.Has(backends.CapCommitMetadata) {
		return backends.Info{}, backends.NewError("commit", u.key, backends.ErrUnsupported, nil)
	}
	return u.Upload.Commit(ctx, parts, opts)
}

func (u *withoutUpload) Parts(ctx context.Context) ([]backends.Part, error) {
	if u.driver.masked.Has(backends.CapResume) {
		return nil, backends.NewError("list parts", u.key, backends.ErrUnsupported, nil)
	}
	return u.Upload.Parts(ctx)
}
