package s3store

import (
	"bytes"
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/encoding/httpbinding"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

const (
	// pieceSize is what one UploadPartCopy moves, if that does not make too many: a few seconds'
	// work for a store, so that pieces go in parallel and none runs into copyTimeout.
	pieceSize = 512 * mebi
	// parallelPieces of one copy are under way at once.
	parallelPieces = 8
)

// Copy implements backends.Driver.
//
// The modification time is kept: where the source has none in its metadata, the copy gets one.
// Of a source that comes from a listing nobody knows, and it is copied as it is.
func (d *Driver) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	const op = "copy"
	if err := d.admitWrite(ctx, op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	asItIs := dst != src.Key && opts.IsZero()
	held := conditional(opts) && !d.traits.aws // MinIO does not hold a CopyObject to its conditions
	kept := attributesOf(src)
	if kept == nil && (!asItIs || src.Version == "" || src.Size > maxSingle) || held && src.Size == 0 {
		head, err := d.head(ctx, src.Key, src.Version)
		if err != nil {
			return backends.Info{}, d.fail(op, src.Key, err)
		}
		src = infoOf(src.Key, head)
		kept = attributesOf(src)
	}
	switch {
	case held && src.Size == 0:
		return d.copyEmpty(ctx, op, dst, src, opts, kept)
	case held || src.Size > maxSingle:
		return d.copyInParts(ctx, op, dst, src, opts, kept)
	case asItIs && (kept == nil || kept.metadata[metaModTime] != ""):
		return d.copyAsItIs(ctx, op, dst, src, kept)
	}
	return d.copyChanged(ctx, op, dst, src, opts, kept)
}

func conditional(opts backends.WriteOptions) bool { return opts.IfAbsent || opts.IfVersion != "" }

// copyAsItIs leaves all to the store but the class, which it would not copy. kept is nil where
// that is not known.
func (d *Driver) copyAsItIs(ctx context.Context, op, dst string, src backends.Info, kept *attributes) (backends.Info, error) {
	in := &s3.CopyObjectInput{}
	var opts backends.WriteOptions
	if kept != nil {
		in.StorageClass, opts.ModTime = d.copiedClass(kept.class), kept.modTime
	} else if class, ok := src.Native.(listedClass); ok {
		in.StorageClass = d.copiedClass(types.StorageClass(class))
	}
	info, err := d.copyObject(ctx, dst, src, opts, in)
	if err == nil {
		return info, nil
	}
	if info, ok := d.copied(ctx, dst, src, err); ok {
		return info, nil
	}
	return backends.Info{}, d.fail(op, src.Key, err)
}

// copyChanged copies with what opts sets in place of the source's own.
func (d *Driver) copyChanged(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions, kept *attributes) (backends.Info, error) {
	token := newToken() // onto itself, a second try would find the source changed
	a := kept.changed(opts, token)
	in := &s3.CopyObjectInput{
		MetadataDirective:  types.MetadataDirectiveReplace,
		CacheControl:       a.cacheControl,
		ContentDisposition: a.contentDisposition,
		ContentEncoding:    a.contentEncoding,
		ContentLanguage:    a.contentLanguage,
		ContentType:        a.contentType,
		Expires:            a.expires,
		StorageClass:       d.copiedClass(a.class),
		Metadata:           a.metadata,
		IfNoneMatch:        absent(opts),
		IfMatch:            pinned(opts.IfVersion),
	}
	if len(opts.Tags) > 0 {
		in.TaggingDirective, in.Tagging = types.TaggingDirectiveReplace, tagging(opts.Tags)
	}
	opts.ModTime = a.modTime
	info, err := d.copyObject(ctx, dst, src, opts, in)
	if err == nil {
		return info, nil
	}
	if info, ok := d.landed(ctx, dst, token, err); ok {
		return info, nil
	}
	return backends.Info{}, d.failTwo(ctx, op, dst, src, opts, err)
}

// copyObject is one CopyObject.
func (d *Driver) copyObject(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions, in *s3.CopyObjectInput) (backends.Info, error) {
	in.Bucket, in.Key = d.bucket(), &dst
	in.CopySource, in.CopySourceIfMatch = d.source(src.Key), pinned(src.Version)
	out, err := d.client.CopyObject(ctx, in, d.patiently)
	if err != nil {
		return backends.Info{}, err
	}
	info := backends.Info{Key: dst, Size: src.Size, ModTime: written(opts, out.ResultMetadata)}
	if result := out.CopyObjectResult; result != nil {
		info.Version = version(result.ETag)
	}
	return info, nil
}

// copyEmpty writes dst anew, as src has just been found: there is nothing to take from it for an
// upload, and MinIO begins none for a folder's marker.
func (d *Driver) copyEmpty(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions, kept *attributes) (backends.Info, error) {
	tags, err := d.tagging(ctx, src, kept, opts)
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	token := newToken()
	a := kept.changed(opts, token)
	opts.ModTime = a.modTime
	return d.put(ctx, op, backends.Body{ReadSeeker: bytes.NewReader(nil)}, opts, token, &s3.PutObjectInput{
		Key:                &dst,
		CacheControl:       a.cacheControl,
		ContentDisposition: a.contentDisposition,
		ContentEncoding:    a.contentEncoding,
		ContentLanguage:    a.contentLanguage,
		ContentType:        a.contentType,
		Expires:            a.expires,
		StorageClass:       d.copiedClass(a.class),
		Metadata:           a.metadata,
		Tagging:            tags,
	})
}

// copyInParts copies as an upload whose parts are taken from the source: for more than one
// CopyObject can hold, and for conditions, which MinIO ignores on a CopyObject but not on a
// CompleteMultipartUpload.
func (d *Driver) copyInParts(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions, kept *attributes) (backends.Info, error) {
	tags, err := d.tagging(ctx, src, kept, opts)
	if err != nil {
		return backends.Info{}, d.fail(op, src.Key, err)
	}
	token := newToken()
	a := kept.changed(opts, token)
	opts.ModTime = a.modTime
	u := &upload{driver: d, key: dst, opts: opts, token: token}
	err = u.create(ctx, op, &s3.CreateMultipartUploadInput{
		CacheControl:       a.cacheControl,
		ContentDisposition: a.contentDisposition,
		ContentEncoding:    a.contentEncoding,
		ContentLanguage:    a.contentLanguage,
		ContentType:        a.contentType,
		Expires:            a.expires,
		StorageClass:       d.copiedClass(a.class),
		Metadata:           a.metadata,
		Tagging:            tags,
	})
	if err != nil {
		return backends.Info{}, err
	}
	err = u.take(ctx, op, src, pieces(src.Size, maxNumber))
	if err != nil {
		return backends.Info{}, u.giveUp(ctx, err)
	}
	info, err := u.Commit(ctx, nil, backends.CommitOptions{Size: src.Size})
	if err != nil {
		return backends.Info{}, u.giveUp(ctx, err)
	}
	return info, nil
}

// take makes spans of src the first parts of the upload, inside the store.
func (u *upload) take(ctx context.Context, op string, src backends.Info, spans []span) error {
	taken := make([]types.CompletedPart, len(spans))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelPieces)
	for i, s := range spans {
		group.Go(func() (err error) {
			taken[i], err = u.takePiece(ctx, op, i+1, src, s)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	u.pieces, u.size = taken, spans[len(spans)-1].last+1
	return nil
}

func (u *upload) takePiece(ctx context.Context, op string, number int, src backends.Info, s span) (types.CompletedPart, error) {
	d := u.driver
	out, err := d.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
		Bucket:            d.bucket(),
		Key:               &u.key,
		UploadId:          &u.id,
		PartNumber:        aws.Int32(int32(number)),
		CopySource:        d.source(src.Key),
		CopySourceIfMatch: pinned(src.Version),
		CopySourceRange:   aws.String(fmt.Sprintf("bytes=%d-%d", s.first, s.last)),
	}, d.patiently)
	if err != nil {
		return types.CompletedPart{}, d.fail(op, src.Key, err)
	}
	part := types.CompletedPart{PartNumber: aws.Int32(int32(number))}
	if out.CopyPartResult != nil {
		part.ETag = quoted(version(out.CopyPartResult.ETag))
	}
	return part, nil
}

// span is a range of bytes, both ends included.
type span struct{ first, last int64 }

// pieces divides size bytes into spans of about pieceSize, or of more where that would make
// too many. If there are two, none is smaller than minPart; up to most × maxSingle bytes none
// is larger than maxSingle.
func pieces(size, most int64) []span {
	n := min((size+pieceSize-1)/pieceSize, most)
	spans := make([]span, n)
	for i := range n {
		spans[i] = span{first: size * i / n, last: size*(i+1)/n - 1} // of maxObject: 2^59
	}
	return spans
}

// source is the CopySource of a key. The store decodes it like a part of a URL, and not all
// agree on "+", so that everything special is escaped.
func (d *Driver) source(key string) *string {
	return aws.String(d.opts.Bucket + "/" + *escaped(key))
}

func escaped(key string) *string { return aws.String(httpbinding.EscapePath(key, false)) }
