package s3store

import (
	"context"
	"crypto/md5" //nolint:gosec // for its size
	"encoding/hex"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/tidegate/tidegate/backends"
)

// Stat implements backends.Driver. It does not ask for the checksum, which would take the
// right to decrypt where objects are encrypted.
func (d *Driver) Stat(ctx context.Context, key string) (backends.Info, error) {
	if err := d.admit(ctx, "stat", key); err != nil {
		return backends.Info{}, err
	}
	head, err := d.head(ctx, key, "")
	if err != nil {
		return backends.Info{}, d.fail("stat", key, err)
	}
	info := infoOf(key, head)
	info.MD5 = d.md5In(head)
	return info, nil
}

// md5In returns the MD5 that an ETag is, nil if it is none: AWS says so of what was written at
// once and is not encrypted by another's key. Of other stores nobody knows.
func (d *Driver) md5In(head *s3.HeadObjectOutput) []byte {
	encrypted := head.SSECustomerAlgorithm != nil || head.ServerSideEncryption != "" && head.ServerSideEncryption != types.ServerSideEncryptionAes256
	if !d.traits.aws || d.traits.directory || encrypted {
		return nil
	}
	sum, err := hex.DecodeString(version(head.ETag))
	if err != nil || len(sum) != md5.Size { // that of parts has their number behind it
		return nil
	}
	return sum
}

func infoOf(key string, head *s3.HeadObjectOutput) backends.Info {
	return backends.Info{
		Key:      key,
		Size:     aws.ToInt64(head.ContentLength),
		ModTime:  modTime(head.Metadata, head.LastModified),
		Version:  version(head.ETag),
		Metadata: others(head.Metadata),
		Native:   attributesIn(head),
	}
}

// Put implements backends.Driver.
func (d *Driver) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	const op = "put"
	if err := d.admitWrite(ctx, op, key, opts); err != nil {
		return backends.Info{}, err
	}
	token := newToken()
	return d.put(ctx, op, body, opts, token, &s3.PutObjectInput{
		Key:          &key,
		ContentType:  optional(opts.ContentType),
		StorageClass: types.StorageClass(opts.StorageClass),
		Metadata:     metadata(opts, token),
		Tagging:      tagging(opts.Tags),
	})
}

// put is one PutObject. in says under which key, and with what beside its bytes.
func (d *Driver) put(ctx context.Context, op string, body backends.Body, opts backends.WriteOptions, token string, in *s3.PutObjectInput) (backends.Info, error) {
	key := *in.Key
	crc, verify, err := d.verified(body, d.declares())
	if err != nil {
		return backends.Info{}, d.fail(op, key, err)
	}
	in.Bucket, in.Body, in.ContentLength, in.ChecksumCRC64NVME = d.bucket(), body, &body.Size, crc
	in.IfNoneMatch, in.IfMatch = absent(opts), pinned(opts.IfVersion)
	answered, cancel := backends.Outliving(ctx, answerGrace)
	defer cancel()
	out, err := d.client.PutObject(answered, in, verify)
	if err == nil {
		err = named(out.ETag)
	}
	if err != nil {
		if info, ok := d.landed(ctx, key, token, err); ok {
			return info, nil
		}
		return backends.Info{}, d.failWrite(op, key, opts, err)
	}
	return backends.Info{
		Key:     key,
		Size:    body.Size,
		ModTime: written(opts, out.ResultMetadata),
		Version: version(out.ETag),
		Sum:     body.Sum,
		HasSum:  d.declares(),
	}, nil
}

// declares reports whether bodies are sent with their CRC64NVME, unless they cannot be.
func (d *Driver) declares() bool { return d.checksum() == backends.CRC64NVME }

// written returns the time of an object just written.
func written(opts backends.WriteOptions, answer middleware.Metadata) time.Time {
	if !opts.ModTime.IsZero() {
		return opts.ModTime
	}
	if t, ok := awsmiddleware.GetServerTime(answer); ok {
		return t
	}
	return time.Now()
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// absent is the If-None-Match of a write.
func absent(opts backends.WriteOptions) *string {
	if opts.IfAbsent {
		return aws.String("*")
	}
	return nil
}
