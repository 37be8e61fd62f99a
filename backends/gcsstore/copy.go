package gcsstore

import (
	"context"
	"maps"
	"net/http"

	"cloud.google.com/go/storage"

	"github.com/tidegate/tidegate/backends"
)

// Copy implements backends.Driver. It needs the source's attributes, and asks for them unless src has
// them: a rewrite takes all of them from its request or, but for the storage class, all from the source.
func (d *Driver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "copy"
	if err := d.admit(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	if opts.Base != nil {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrUnsupported, nil)
	}
	if dst == src.Key && conditions(opts) == nil && opts.StorageClass == "" {
		return d.update(ctx, op, src, opts)
	}
	attrs, known := src.Native.(*storage.ObjectAttrs)
	if !known {
		var err error
		if attrs, err = d.attrs(ctx, src.Key, src.Version); err != nil {
			return backends.Info{}, d.fail(op, src.Key, err)
		}
	}
	token := newToken()
	meta := make(map[string]string)
	maps.Copy(meta, attrs.Metadata)
	maps.Copy(meta, signed(opts, token))
	copier := under(d.object(dst), opts).CopierFrom(pinned(d.object(src.Key), version(attrs.Generation)))
	copier.ObjectAttrs = storage.ObjectAttrs{
		ContentType:        either(opts.ContentType, attrs.ContentType),
		ContentEncoding:    attrs.ContentEncoding,
		ContentDisposition: attrs.ContentDisposition,
		ContentLanguage:    attrs.ContentLanguage,
		CacheControl:       attrs.CacheControl,
		CustomTime:         attrs.CustomTime,
		StorageClass:       either(opts.StorageClass, attrs.StorageClass),
		Metadata:           meta,
		PredefinedACL:      d.opts.ACL,
	}
	copier.DestinationKMSKeyName = d.opts.KMSKey
	return d.rewrite(ctx, op, copier, dst, infoOf(attrs), opts, token)
}

func either(wanted, had string) string {
	if wanted != "" {
		return wanted
	}
	return had
}

// rewrite runs copier, which goes on where it was when a request of it failed.
func (d *Driver) rewrite(ctx context.Context, op string, copier *storage.Copier, dst string, src backends.Info, opts backends.WriteOptions, token string) (backends.Info, error) {
	answered, cancel := lasting(ctx)
	defer cancel()
	var made *storage.ObjectAttrs
	doubt, err := d.retry(answered, func() (err error) {
		made, err = copier.Run(answered)
		return err
	})
	if err != nil && doubt {
		if landed := d.landed(ctx, dst, token); landed != nil {
			made, err = landed, nil
		}
	}
	if err != nil {
		return backends.Info{}, d.failCopy(ctx, op, dst, src, opts, err)
	}
	return infoOf(made), nil
}

// failCopy tells whose condition a 412 speaks of, and whom a 404: the source is asked for again.
func (d *Driver) failCopy(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions, err error) error {
	if status := statusOf(err); status == http.StatusPreconditionFailed || status == http.StatusNotFound {
		ctx, cancel := after(ctx, resolveTimeout)
		defer cancel()
		if _, err := d.attrs(ctx, src.Key, src.Version); err != nil {
			return d.fail(op, src.Key, err)
		}
	}
	return d.failWrite(op, dst, opts, err)
}

// update sets what opts say at the object itself, whose bytes and version stay.
func (d *Driver) update(ctx context.Context, op string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	var changes storage.ObjectAttrsToUpdate
	if meta := metadata(opts); len(meta) > 0 {
		changes.Metadata = meta // other keys keep their values
	}
	if opts.ContentType != "" {
		changes.ContentType = opts.ContentType
	}
	if opts.IsZero() {
		attrs, err := d.attrs(ctx, src.Key, src.Version)
		if err != nil {
			return backends.Info{}, d.fail(op, src.Key, err)
		}
		return infoOf(attrs), nil
	}
	handle := pinned(d.object(src.Key), src.Version)
	var made *storage.ObjectAttrs
	_, err := d.retry(ctx, func() (err error) { // a second time changes nothing
		made, err = handle.Update(ctx, changes)
		return err
	})
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	return infoOf(made), nil
}

// Move implements backends.Driver. What opts set is set before: the store's own move changes nothing
// but the name, and if it is refused, the object has at worst the type of the name it was meant for.
func (d *Driver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "move"
	if err := d.admit(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	if !d.moves() || opts.Base != nil {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrUnsupported, nil)
	}
	changes := opts
	changes.IfAbsent, changes.IfVersion = false, ""
	if !changes.IsZero() || src.Version == "" {
		var err error
		if src, err = d.Copy(ctx, src.Key, src, changes); err != nil {
			return backends.Info{}, err
		}
	}
	answered, cancel := lasting(ctx)
	defer cancel()
	to := storage.MoveObjectDestination{Object: dst, Conditions: conditions(opts)}
	handle := pinned(d.object(src.Key), src.Version)
	var made *storage.ObjectAttrs
	doubt, err := d.retry(answered, func() (err error) {
		made, err = handle.Move(answered, to)
		return err
	})
	if err != nil && doubt {
		if moved := d.moved(ctx, dst, src); moved != nil {
			made, err = moved, nil
		}
	}
	if err != nil {
		return backends.Info{}, d.failCopy(ctx, op, dst, src, opts, err)
	}
	return infoOf(made), nil
}

// moved returns the object at dst if src was moved there, although nothing was said to it; else nil.
// There is no token: the object has that of whoever wrote it.
func (d *Driver) moved(ctx context.Context, dst string, src backends.Info) *storage.ObjectAttrs {
	if !d.deleted(ctx, src.Key) {
		return nil
	}
	ctx, cancel := after(ctx, resolveTimeout)
	defer cancel()
	attrs, err := d.attrs(ctx, dst, "")
	if err != nil || attrs.Size != src.Size || src.HasSum && uint64(attrs.CRC32C) != src.Sum {
		return nil
	}
	return attrs
}
