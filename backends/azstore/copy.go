package azstore

import (
	"context"
	"maps"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/tidegate/tidegate/backends"
)

// maxCopy is the most that Azure copies in one request that ends when the copy is whole. Its other
// way, a copy that goes on after the answer, shows an unfinished blob meanwhile.
const maxCopy = 256 * mebi

// Copy implements backends.Driver. It asks for the source first if Stat has not just done so, since Azure
// copies no tier and no tags, and its metadata only whole.
func (d *Driver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "copy"
	if err := d.admitWrite(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	head, err := d.sourceOf(ctx, src)
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	keep := d.keep(head, dst)
	src = head.info(src.Key)
	onto := d.name(dst) == head.name
	attributes := opts.ContentType != "" || opts.Tags != nil || opts.StorageClass != ""
	if onto && !attributes && !opts.IfAbsent {
		return d.setMetadata(ctx, op, src, opts, keep) // which leaves the tags as they are
	}
	if opts.Tags == nil {
		if keep.tags, err = d.tagsOf(ctx, head); err != nil {
			return backends.Info{}, d.fail(op, src.Key, err)
		}
	}
	switch {
	case onto && !opts.IfAbsent:
		return d.rewrite(ctx, op, src, opts, keep)
	case opts.ContentType == "" && src.Size <= maxCopy && d.encrypt.key == nil && !onto:
		return d.copyBlob(ctx, op, dst, head, src, opts, keep)
	}
	return d.copyInPieces(ctx, op, dst, head, src, opts, keep)
}

// sourceOf returns the properties of what is to be copied or moved.
func (d *Driver) sourceOf(ctx context.Context, src backends.Info) (properties, error) {
	if known, ok := src.Native.(properties); ok && src.Version != "" {
		return known, nil
	}
	found, err := d.find(ctx, src.Key, src.Version)
	if err != nil {
		err = d.absent(ctx, d.name(src.Key), err)
	}
	return found, err
}

// keep returns what a copy of head has in common with it unless opts says otherwise, but for the tags.
func (d *Driver) keep(head properties, dst string) kept {
	k := kept{copying: true, meta: maps.Clone(head.meta), headers: &blob.HTTPHeaders{
		BlobCacheControl:       head.CacheControl,
		BlobContentDisposition: head.ContentDisposition,
		BlobContentEncoding:    head.ContentEncoding,
		BlobContentLanguage:    head.ContentLanguage,
		BlobContentMD5:         head.ContentMD5,
		BlobContentType:        head.ContentType,
	}}
	delete(k.meta, metaFolder)
	if d.name(dst) != dst {
		k.meta[metaFolder] = "true"
	}
	if head.AccessTier != nil && !deref(head.AccessTierInferred) {
		k.tier = to.Ptr(blob.AccessTier(*head.AccessTier))
	}
	return k
}

// tagsOf asks for the tags of a blob if it has any. That takes a right of its own, which others have not.
func (d *Driver) tagsOf(ctx context.Context, head properties) (map[string]string, error) {
	if deref(head.TagCount) == 0 {
		return nil, nil
	}
	found, err := d.blob(head.name).GetTags(ctx, nil)
	if err != nil {
		return nil, err
	}
	tags := make(map[string]string, len(found.BlobTagSet))
	for _, tag := range found.BlobTagSet {
		tags[deref(tag.Key)] = deref(tag.Value)
	}
	return tags, nil
}

// setMetadata changes the metadata of src alone.
func (d *Driver) setMetadata(ctx context.Context, op string, src backends.Info, opts backends.WriteOptions, keep kept) (backends.Info, error) {
	if opts.IfVersion != "" && opts.IfVersion != src.Version {
		return backends.Info{}, backends.NewError(op, src.Key, backends.ErrChanged, nil)
	}
	name, token := d.name(src.Key), newToken() // a second try would find the blob changed
	meta := metadata(keep.meta, opts, token)
	answered, cancel := lasting(ctx)
	defer cancel()
	out, err := d.blob(name).SetMetadata(answered, meta, &blob.SetMetadataOptions{
		AccessConditions: exactly(src.Version),
		CPKInfo:          d.encrypt.key,
		CPKScopeInfo:     d.encrypt.scope,
	})
	if err != nil {
		if info, ok := d.landed(ctx, src.Key, token, err); ok {
			return info, nil
		}
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	src.Version, src.Metadata = version(out.ETag), others(plain(meta))
	src.ModTime = modTime(plain(meta), out.LastModified)
	return src, nil
}

// rewrite gives src other attributes: its own blocks are committed again with them.
func (d *Driver) rewrite(ctx context.Context, op string, src backends.Info, opts backends.WriteOptions, keep kept) (backends.Info, error) {
	opts.Base, opts.BaseSize = &src, src.Size
	u := d.newUpload(src.Key, opts, newUploadToken())
	u.kept = keep
	if opts.IfVersion != "" && opts.IfVersion != src.Version {
		return backends.Info{}, backends.NewError(op, src.Key, backends.ErrChanged, nil)
	}
	if err := u.takeBase(ctx, op); err != nil {
		return backends.Info{}, u.giveUp(ctx, err)
	}
	return u.end(ctx, src)
}

// copyInPieces has the service read src into blocks at dst.
func (d *Driver) copyInPieces(ctx context.Context, op, dst string, head properties, src backends.Info, opts backends.WriteOptions, keep kept) (backends.Info, error) {
	u := d.newUpload(dst, opts, newUploadToken())
	u.kept, u.base = keep, base{pieces: spans(0, src.Size, maxBaseBlocks)}
	if src.Size > maxBaseBlocks*maxBlock {
		return backends.Info{}, backends.NewError(op, dst, backends.ErrTooLarge, nil)
	}
	if err := u.take(ctx, op, head.name, src.Version); err != nil {
		return backends.Info{}, u.giveUp(ctx, err)
	}
	return u.end(ctx, src)
}

// end publishes an upload that is a copy of src.
func (u *upload) end(ctx context.Context, src backends.Info) (backends.Info, error) {
	info, err := u.Commit(ctx, nil, backends.CommitOptions{Size: src.Size})
	if err != nil {
		return backends.Info{}, u.giveUp(ctx, err)
	}
	if info.MD5 = src.MD5; u.opts.ModTime.IsZero() {
		info.ModTime = modTime(u.kept.meta, &info.ModTime)
	}
	return info, nil
}

// copyBlob is one Copy Blob From URL, which is atomic.
func (d *Driver) copyBlob(ctx context.Context, op, dst string, head properties, src backends.Info, opts backends.WriteOptions, keep kept) (backends.Info, error) {
	url, authorization, err := d.source.source(ctx, head.name)
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	token := newToken()
	meta := metadata(keep.meta, opts, token)
	in := &blob.CopyFromURLOptions{
		BlobAccessConditions:           conditions(opts),
		BlobTags:                       opts.Tags,
		CopySourceAuthorization:        authorization,
		CPKScopeInfo:                   d.encrypt.scope,
		Metadata:                       meta,
		SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: pinned(src.Version)},
		Tier:                           keep.tier,
	}
	if opts.Tags == nil {
		in.BlobTags = keep.tags
	}
	if opts.StorageClass != "" {
		in.Tier = d.tier(opts)
	}
	answered, cancel := lasting(ctx)
	defer cancel()
	out, err := d.blob(d.name(dst)).CopyFromURL(patiently(answered), url, in)
	if err != nil {
		if info, ok := d.landed(ctx, dst, token, err); ok {
			return info, nil
		}
		return backends.Info{}, d.failCopy(op, dst, src.Key, opts, err)
	}
	return backends.Info{
		Key:      dst,
		Size:     src.Size,
		ModTime:  modTime(plain(meta), out.LastModified),
		Version:  version(out.ETag),
		MD5:      src.MD5,
		Metadata: others(plain(meta)),
	}, nil
}

// failCopy tells failures at the source from those at dst.
func (d *Driver) failCopy(op, dst, src string, opts backends.WriteOptions, err error) error {
	switch codeOf(err) {
	case "SourceConditionNotMet", "CannotVerifyCopySource", "BlobNotFound":
		return d.fail(op, src, err)
	}
	return d.failWrite(op, dst, opts, err)
}

// merged returns meta with the keys of changes in place of its own.
func merged(meta, changes map[string]string) map[string]string {
	all := make(map[string]string, len(meta)+len(changes))
	maps.Copy(all, meta)
	maps.Copy(all, changes)
	return all
}
