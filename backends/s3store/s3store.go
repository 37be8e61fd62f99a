// Package s3store is the driver for Amazon S3 and the stores that speak its protocol, MinIO
// the first of them.
//
// Bodies travel once, unsigned and with their CRC64NVME in a header, over http and https
// alike: the store verifies the sum that was computed while the buffers filled, nothing is
// read twice, and a retry rewinds. What a vendor leaves out or gets wrong is worked around in
// one place each: conditional copies (copy.go), lost answers (resolve.go, orphans.go), ranges at
// the end of an object (read.go), parts taken from other objects (upload.go), absent objects that
// seem to be forbidden (resolve.go), directory buckets (directory.go).
//
// It uses the rights s3:ListBucket and s3:ListBucketMultipartUploads on the bucket and
// s3:GetObject, s3:PutObject, s3:DeleteObject, s3:AbortMultipartUpload and
// s3:ListMultipartUploadParts on its objects; where objects have tags also s3:GetObjectTagging and
// s3:PutObjectTagging, for an ACL s3:PutObjectAcl, for SSE-KMS kms:GenerateDataKey and kms:Decrypt
// of the key. For a drop box that can only be written to, PutObject and AbortMultipartUpload are
// enough; what a lost answer has left cannot be found then.
package s3store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/tidegate/tidegate/backends"
)

const (
	mebi = 1 << 20
	gibi = 1 << 30
	tebi = 1 << 40

	// maxSingle is the most that one PutObject, UploadPart, UploadPartCopy or CopyObject moves.
	maxSingle = 5 * gibi
	// maxObject is the largest object of AWS, maxObjectElsewhere that of MinIO and most others.
	maxObject          = maxNumber * maxSingle
	maxObjectElsewhere = 5 * tebi
	// minPart is the least size of every part but the last.
	minPart = 5 * mebi
	// maxNumber is the highest part number, and the most parts of an object.
	maxNumber = 10_000
	// maxBasePieces is how many of the part numbers are kept free for WriteOptions.Base, which
	// is taken from another object in pieces of maxSingle at most. That is room for 5 TiB.
	maxBasePieces = 1024
	// maxKey is the most bytes of a key.
	maxKey = 1024
	// maxPage is the most entries of a listing, parts of an answer and keys of a DeleteObjects.
	maxPage = 1000
)

// Driver is one bucket, as one user. It is made by New, or by Scope from another, with which it
// then shares the connections; all sessions share it.
type Driver struct {
	opts       Options
	traits     traits
	connection *connection
	client     *s3.Client
	owner      *s3.Client // of the whole bucket; the same but for a driver made by Scope
	own        *ownUploads
	scopes     *scopes
	scoped     bool // it was made by Scope
}

// traits is what is known of the store, and not asked for.
type traits struct {
	aws       bool // Amazon's own: any key, the largest objects, conditions on copies too
	directory bool // a bucket of S3 Express One Zone (directory.go)
}

var _ backends.Driver = (*Driver)(nil)

// New returns the driver of a bucket. It makes no request: Check tells whether the bucket can
// be used. ctx is only used to read the SDK's own configuration.
func New(ctx context.Context, opts Options) (*Driver, error) {
	return newDriver(ctx, opts, defaultTuning())
}

func newDriver(ctx context.Context, opts Options, tune tuning) (*Driver, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	conn, err := connect(ctx, opts, tune)
	if err != nil {
		return nil, err
	}
	as := conn.cfg.Credentials
	if opts.Role.ARN != "" {
		as = conn.assume(opts.Role, opts.Role.sessionName(), "")
	}
	client := conn.client(as)
	found := client.Options() // where opts left it to the SDK's configuration
	opts.Region, opts.Endpoint = found.Region, aws.ToString(found.BaseEndpoint)
	return &Driver{
		opts:       opts,
		traits:     traits{aws: opts.aws(), directory: opts.directory()},
		connection: conn,
		client:     client,
		owner:      client,
		own:        &ownUploads{},
		scopes:     &scopes{},
	}, nil
}

// Describe implements backends.Driver.
func (d *Driver) Describe() (backends.Caps, backends.Limits) {
	caps := backends.CapParallelParts | backends.CapResume | backends.CapBase | backends.CapBasePart | backends.CapCopy |
		backends.CapIfAbsent | backends.CapIfVersion | backends.CapMetadata
	if d.traits.directory {
		caps |= backends.CapMove
	} else {
		caps |= backends.CapTags | backends.CapStorageClass
	}
	largest := int64(maxObjectElsewhere)
	if d.traits.aws {
		largest = maxObject
	}
	return caps, backends.Limits{
		MaxObject:   largest,
		MaxPut:      maxSingle,
		MinPart:     minPart,
		MaxPart:     maxSingle,
		MaxParts:    maxNumber - maxBasePieces,
		MinBase:     minPart,
		MaxKey:      maxKey,
		DeleteBatch: maxPage,
		Checksum:    d.checksum(),
	}
}

// Close implements backends.Driver.
func (d *Driver) Close() error {
	d.connection.pools.close()
	return nil
}

func (d *Driver) bucket() *string { return aws.String(d.opts.Bucket) }

// admit refuses a key that no request could carry, and an ended context before anything is
// begun that would outlast it.
func (d *Driver) admit(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return backends.NewError(op, key, backends.ErrUnknown, err)
	}
	if len(key) > maxKey {
		return backends.NewError(op, key, backends.ErrInvalid, errLongKey)
	}
	return nil
}

// admitWrite is admit for what makes an object. Only StartUpload takes a Base.
func (d *Driver) admitWrite(ctx context.Context, op, key string, opts backends.WriteOptions) error {
	if opts.Base != nil || d.traits.directory && (len(opts.Tags) > 0 || opts.StorageClass != "") {
		return backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	return d.admit(ctx, op, key)
}
