package backendtest

import (
	"context"
	"io"

	"github.com/tidegate/tidegate/backends"
)

// Below returns the part of d whose keys begin with prefix as a store of its own.
func Below(d backends.Driver, prefix string) backends.Driver {
	return &below{Driver: d, prefix: prefix}
}

type below struct {
	backends.Driver
	prefix string
}

func (d *below) Describe() (backends.Caps, backends.Limits) {
	caps, limits := d.Driver.Describe()
	limits.MaxKey -= len(d.prefix)
	return caps, limits
}

func (d *below) CheckKey(key string) error {
	if key == "" { // would be the marker of the prefix
		return d.Driver.CheckKey(key)
	}
	return d.Driver.CheckKey(d.prefix + key)
}

func (d *below) in(info backends.Info) backends.Info {
	info.Key = d.prefix + info.Key
	return info
}

func (d *below) out(info backends.Info) backends.Info {
	if info.Key != "" { // "" is that of a failed call
		info.Key = info.Key[len(d.prefix):]
	}
	return info
}

func (d *below) options(opts backends.WriteOptions) backends.WriteOptions {
	if opts.Base != nil {
		base := d.in(*opts.Base)
		opts.Base = &base
	}
	return opts
}

func (d *below) Stat(ctx context.Context, key string) (backends.Info, error) {
	info, err := d.Driver.Stat(ctx, d.prefix+key)
	return d.out(info), err
}

func (d *below) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	opts.Prefix = d.prefix + opts.Prefix
	page, err := d.Driver.ListPage(ctx, opts)
	entries := make([]backends.Info, 0, len(page.Entries))
	for _, info := range page.Entries {
		if info.Key != d.prefix { // the marker of the prefix itself is not in it
			entries = append(entries, d.out(info))
		}
	}
	page.Entries = entries
	return page, err
}

func (d *below) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	body, info, err := d.Driver.ReadRange(ctx, d.prefix+key, version, off, n)
	return body, d.out(info), err
}

func (d *below) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	info, err := d.Driver.Put(ctx, d.prefix+key, body, d.options(opts))
	return d.out(info), err
}

func (d *below) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	u, err := d.Driver.StartUpload(ctx, d.prefix+key, d.options(opts))
	if err != nil {
		return nil, err
	}
	return &belowUpload{Upload: u, driver: d}, nil
}

func (d *below) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	u, err := d.Driver.ResumeUpload(ctx, d.prefix+key, id, d.options(opts))
	if err != nil {
		return nil, err
	}
	return &belowUpload{Upload: u, driver: d}, nil
}

func (d *below) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	info, err := d.Driver.Copy(ctx, d.prefix+dst, d.in(src), d.options(opts))
	return d.out(info), err
}

func (d *below) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	info, err := d.Driver.Move(ctx, d.prefix+dst, d.in(src), d.options(opts))
	return d.out(info), err
}

func (d *below) Delete(ctx context.Context, targets []backends.Target) error {
	full := make([]backends.Target, len(targets))
	for i, target := range targets {
		full[i] = backends.Target{Key: d.prefix + target.Key, Version: target.Version}
	}
	return d.Driver.Delete(ctx, full)
}

type belowUpload struct {
	backends.Upload
	driver *below
}

func (u *belowUpload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	info, err := u.Upload.Commit(ctx, parts, opts)
	return u.driver.out(info), err
}
