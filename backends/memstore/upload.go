package memstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidegate/tidegate/backends"
)

// pending is an unfinished upload, as the store keeps it. The bucket's mutex guards parts.
type pending struct {
	key   string
	opts  backends.WriteOptions
	base  []byte
	parts map[int]part
}

type part struct {
	data []byte
	info backends.Part
}

// upload is a writer's hold on a pending.
type upload struct {
	driver *Driver
	id     backends.UploadID
	key    string
}

// StartUpload implements backends.Driver.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	if err := d.admit(ctx, "start upload", key, opts); err != nil {
		return nil, err
	}
	p := &pending{key: key, opts: opts, parts: make(map[int]part)}
	if opts.Base != nil {
		base, err := d.base(key, opts)
		if err != nil {
			return nil, err
		}
		p.base = base
	}
	b := d.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	id := backends.UploadID(b.next("u"))
	b.uploads[id] = p
	return &upload{driver: d, id: id, key: key}, nil
}

func (d *Driver) base(key string, opts backends.WriteOptions) ([]byte, error) {
	o, err := d.bucket.get("start upload", key, opts.Base.Version)
	switch {
	case backends.KindOf(err) == backends.ErrNotExist:
		return nil, backends.NewError("start upload", key, backends.ErrChanged, err)
	case err != nil:
		return nil, err
	case opts.BaseSize > o.info.Size:
		return nil, backends.NewError("start upload", key, backends.ErrRange, nil)
	case opts.Base.Key != key || opts.BaseSize < d.limits.MinBase:
		return nil, backends.NewError("start upload", key, backends.ErrInvalid, fmt.Errorf("%d bytes of %q as base", opts.BaseSize, opts.Base.Key))
	}
	return o.data[:opts.BaseSize], nil
}

// ResumeUpload implements backends.Driver.
func (d *Driver) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	if !d.caps.Has(backends.CapResume) {
		return nil, backends.NewError("resume upload", key, backends.ErrUnsupported, nil)
	}
	if err := d.admit(ctx, "resume upload", key, opts); err != nil {
		return nil, err
	}
	d.bucket.mu.Lock()
	defer d.bucket.mu.Unlock()
	if p, ok := d.bucket.uploads[id]; !ok || p.key != key {
		return nil, backends.NewError("resume upload", key, backends.ErrUploadGone, nil)
	}
	return &upload{driver: d, id: id, key: key}, nil
}

func (u *upload) ID() backends.UploadID { return u.id }

func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	d, op := u.driver, fmt.Sprintf("put part %d of", number)
	if err := d.admit(ctx, op, u.key, backends.WriteOptions{}); err != nil {
		return backends.Part{}, err
	}
	switch {
	case number < 1 || number > d.limits.MaxParts:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrInvalid, nil)
	case body.Size > d.limits.MaxPart:
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrTooLarge, nil)
	}
	data, err := d.take(op, u.key, body)
	if err != nil {
		return backends.Part{}, err
	}

	b := d.bucket
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.uploads[u.id]
	if !ok {
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	if n := len(p.parts); !d.caps.Has(backends.CapParallelParts) && (number < n || number > n+1) {
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrUnsupported, fmt.Errorf("after part %d", n))
	}
	info := backends.Part{Number: number, Size: body.Size, Tag: b.next("t"), Sum: body.Sum}
	p.parts[number] = part{data, info}
	return info, nil
}

func (u *upload) Parts(ctx context.Context) ([]backends.Part, error) {
	d := u.driver
	if !d.caps.Has(backends.CapResume) {
		return nil, backends.NewError("list parts", u.key, backends.ErrUnsupported, nil)
	}
	if err := d.admit(ctx, "list parts", u.key, backends.WriteOptions{}); err != nil {
		return nil, err
	}
	d.bucket.mu.Lock()
	defer d.bucket.mu.Unlock()
	p, ok := d.bucket.uploads[u.id]
	if !ok {
		return nil, backends.NewError("list parts", u.key, backends.ErrUploadGone, nil)
	}
	var infos []backends.Part
	for _, part := range p.parts {
		infos = append(infos, part.info)
	}
	slices.SortFunc(infos, func(a, b backends.Part) int { return a.Number - b.Number })
	return infos, nil
}

func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	d, b := u.driver, u.driver.bucket
	if err := d.admit(ctx, "commit", u.key, backends.WriteOptions{}); err != nil {
		return backends.Info{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.uploads[u.id]
	if !ok {
		return backends.Info{}, backends.NewError("commit", u.key, backends.ErrUploadGone, nil)
	}
	if len(opts.Metadata) > 0 && !d.caps.Has(backends.CapCommitMetadata) {
		return backends.Info{}, backends.NewError("commit", u.key, backends.ErrUnsupported, nil)
	}
	o, err := d.join(p, parts)
	if err != nil {
		return backends.Info{}, err
	}
	if o.info.Size != opts.Size || opts.HasSum && o.info.HasSum && o.info.Sum != opts.Sum {
		return backends.Info{}, backends.NewError("commit", u.key, backends.ErrInvalid,
			fmt.Errorf("the store holds %d bytes of sum %016x, not %d of %016x", o.info.Size, o.info.Sum, opts.Size, opts.Sum))
	}
	if err := b.condition("commit", u.key, p.opts); err != nil {
		return backends.Info{}, err
	}
	o.info.Metadata = merged(o.info.Metadata, opts.Metadata)
	delete(b.uploads, u.id)
	return b.store(u.key, o), nil
}

// join checks parts against what is stored, and puts them together.
func (d *Driver) join(p *pending, parts []backends.Part) (object, error) {
	data := slices.Clone(p.base)
	for i, want := range parts {
		have, ok := p.parts[want.Number]
		switch {
		case !ok || want.Number != i+1:
			return object{}, backends.NewError("commit", p.key, backends.ErrInvalid, fmt.Errorf("part %d in place %d", want.Number, i+1))
		case have.info.Tag != want.Tag:
			return object{}, backends.NewError("commit", p.key, backends.ErrChanged, fmt.Errorf("part %d", want.Number))
		case i < len(parts)-1 && have.info.Size < d.limits.MinPart:
			return object{}, backends.NewError("commit", p.key, backends.ErrInvalid, fmt.Errorf("part %d of %d bytes", want.Number, have.info.Size))
		}
		data = append(data, have.data...)
	}
	if int64(len(data)) > d.limits.MaxObject {
		return object{}, backends.NewError("commit", p.key, backends.ErrTooLarge, nil)
	}
	return d.object(data, d.limits.Checksum.Update(0, data), p.opts), nil
}

func (u *upload) Abort(ctx context.Context) error {
	if err := u.driver.admit(ctx, "abort", u.key, backends.WriteOptions{}); err != nil {
		return err
	}
	u.driver.bucket.mu.Lock()
	defer u.driver.bucket.mu.Unlock()
	delete(u.driver.bucket.uploads, u.id)
	return nil
}
