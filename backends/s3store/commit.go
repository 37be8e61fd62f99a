package s3store

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidegate/tidegate/backends"
)

// Commit implements backends.Upload.
func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	const op = "commit upload of"
	d := u.driver
	if err := d.admit(ctx, op, u.key); err != nil {
		return backends.Info{}, err
	}
	if len(opts.Metadata) > 0 {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrUnsupported, nil) // S3 takes it at the beginning
	}
	completed, err := u.completed(parts, opts.Size)
	if err != nil {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrInvalid, err)
	}
	in := &s3.CompleteMultipartUploadInput{
		Bucket:          d.bucket(),
		Key:             &u.key,
		UploadId:        &u.id,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
		MpuObjectSize:   &opts.Size,
		IfNoneMatch:     absent(u.opts),
		IfMatch:         pinned(u.opts.IfVersion),
	}
	info := backends.Info{Key: u.key, Size: opts.Size}
	if u.declared && opts.HasSum {
		in.ChecksumCRC64NVME, in.ChecksumType = encodeSum(opts.Sum), types.ChecksumTypeFullObject
		info.Sum, info.HasSum = opts.Sum, true
	}
	answered, cancel := backends.Outliving(ctx, answerGrace)
	defer cancel()
	out, err := d.client.CompleteMultipartUpload(answered, in, d.patiently)
	if err != nil {
		if info, ok := d.landed(ctx, u.key, u.token, err); ok {
			d.own.remove(u.key, u.id)
			return info, nil
		}
		return backends.Info{}, u.failCommit(ctx, op, parts, err)
	}
	d.own.remove(u.key, u.id)
	info.ModTime, info.Version = written(u.opts, out.ResultMetadata), version(out.ETag)
	return info, nil
}

// completed lists pieces and parts as S3 wants them. It checks what not every store does:
// numbers without a hole, and their size together.
func (u *upload) completed(parts []backends.Part, size int64) ([]types.CompletedPart, error) {
	completed := append(make([]types.CompletedPart, 0, len(u.pieces)+len(parts)), u.pieces...)
	total := u.size
	for i, part := range parts {
		if part.Number != i+1 {
			return nil, fmt.Errorf("part %d in place %d", part.Number, i+1)
		}
		total += part.Size
		c := types.CompletedPart{PartNumber: aws.Int32(int32(len(u.pieces) + part.Number)), ETag: quoted(part.Tag)}
		if u.declared {
			c.ChecksumCRC64NVME = encodeSum(part.Sum) // MinIO asks for the sum of every part again
		}
		completed = append(completed, c)
	}
	switch {
	case len(completed) == 0:
		return nil, errors.New("no parts")
	case total != size:
		return nil, fmt.Errorf("parts of %d bytes together, not %d", total, size)
	}
	return completed, nil
}

// failCommit tells a part that another writer has replaced (ErrChanged) from one that was never
// put or has another sum (ErrInvalid): S3 has one code for all three.
func (u *upload) failCommit(ctx context.Context, op string, parts []backends.Part, err error) error {
	if codeOf(err) == codeInvalidPart {
		if stored, listErr := u.list(ctx); listErr == nil && replaced(parts, u.parts(stored)) {
			return u.driver.failAs(backends.ErrChanged, "", op, u.key, err)
		}
	}
	return u.driver.failWrite(op, u.key, u.opts, err)
}

// replaced reports whether one of parts is stored with another tag.
func replaced(parts, stored []backends.Part) bool {
	tags := make(map[int]string, len(stored))
	for _, part := range stored {
		tags[part.Number] = part.Tag
	}
	for _, part := range parts {
		if tag, ok := tags[part.Number]; ok && tag != part.Tag {
			return true
		}
	}
	return false
}

// patiently lets a call take the store long before it says anything.
func (d *Driver) patiently(o *s3.Options) { o.HTTPClient = d.connection.pools.patient }
