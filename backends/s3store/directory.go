package s3store

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidegate/tidegate/backends"
)

// A directory bucket, of S3 Express One Zone, differs from others in this:
//
//   - It renames objects, atomically and under conditions. MinIO answers a RenameObject with 200
//     and makes an empty object, so that it is used here only.
//   - Its listings are of whole folders, and not in key order: pages are sorted here, but each by
//     itself. Folders are shown in which there is only an unfinished upload.
//   - With its last object a folder goes, unless it has a marker.
//   - There are no tags, storage classes, ACLs, requester pays, keys of customers, or policies
//     for a prefix. ETags are no sums of the bytes.
//
// No emulator has them. The tests have a stand-in for what is documented.

// Move implements backends.Driver, for directory buckets. Attributes that opts sets are given to
// the object first, under its old name, because a rename takes all as they are: if the
// rename fails then, the source has them.
func (d *Driver) Move(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "move"
	if !d.traits.directory {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrUnsupported, nil)
	}
	if err := d.admitWrite(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	attributes := opts
	attributes.IfAbsent, attributes.IfVersion = false, ""
	if attributesOf(src) == nil || !attributes.IsZero() {
		var err error
		if src, err = d.prepareMove(ctx, src, attributes); err != nil {
			return backends.Info{}, err
		}
	}
	answered, cancel := backends.Outliving(ctx, answerGrace)
	defer cancel()
	_, err := d.client.RenameObject(answered, &s3.RenameObjectInput{ // its ClientToken, which retries share, is the SDK's
		Bucket:                 d.bucket(),
		Key:                    &dst,
		RenameSource:           escaped(src.Key),
		SourceIfMatch:          pinned(src.Version),
		DestinationIfMatch:     pinned(opts.IfVersion),
		DestinationIfNoneMatch: absent(opts),
	})
	if err != nil && !d.moved(ctx, dst, src, err) {
		return backends.Info{}, d.failTwo(ctx, op, dst, src, opts, err)
	}
	src.Key = dst
	return src, nil
}

// prepareMove learns what the object src is, and gives it attributes.
func (d *Driver) prepareMove(ctx context.Context, src backends.Info, attributes backends.WriteOptions) (backends.Info, error) {
	if !attributes.IsZero() {
		if _, err := d.Copy(ctx, src.Key, src, attributes); err != nil {
			return backends.Info{}, err
		}
		src.Version = ""
	}
	head, err := d.head(ctx, src.Key, src.Version)
	if err != nil {
		return backends.Info{}, d.fail("move", src.Key, err)
	}
	return infoOf(src.Key, head), nil
}

// moved looks whether a rename that failed with err has happened all the same: the source is
// gone, and what the same write has made is at dst.
func (d *Driver) moved(ctx context.Context, dst string, src backends.Info, err error) bool {
	if _, ok := d.landed(ctx, dst, attributesOf(src).metadata[metaToken], err); !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resolveTimeout)
	defer cancel()
	_, err = d.head(ctx, src.Key, "")
	return kindOf(err) == backends.ErrNotExist
}

// listablePrefix returns the beginning of prefix that the store can list by: in directory buckets
// only that of a folder.
func (d *Driver) listablePrefix(prefix string) string {
	if !d.traits.directory {
		return prefix
	}
	return prefix[:strings.LastIndexByte(prefix, '/')+1]
}
