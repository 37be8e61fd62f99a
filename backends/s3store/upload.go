package s3store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/tidegate/tidegate/backends"
)

// upload is a multipart upload. Its first parts may be pieces of another object (Base, or what
// is being copied); the contract's part 1 has the number behind them.
type upload struct {
	driver *Driver
	key    string
	opts   backends.WriteOptions
	id     string // S3's UploadId; "" if the store never said it
	lost   window // when others may have been begun in its place (orphans.go)
	token  string // in the metadata of the object to be (resolve.go)

	// declared says that the upload was begun with CRC64NVME, so that every part and the whole
	// are verified by it. MinIO takes no copied part into such an upload, and AWS no part with
	// a checksum into another.
	declared bool

	pieces []types.CompletedPart // parts 1 to len(pieces)
	size   int64                 // bytes of all pieces

	mu     sync.Mutex
	listed []backends.Part // what ResumeUpload has just learnt, for the first Parts
}

var _ backends.Upload = (*upload)(nil)

// StartUpload implements backends.Driver.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "start upload"
	whole := opts
	whole.Base = nil
	if err := d.admitWrite(ctx, op, key, whole); err != nil {
		return nil, err
	}
	if opts.Base != nil {
		if err := checkBase(key, opts); err != nil {
			return nil, backends.NewError(op, key, backends.KindOf(err), err)
		}
	}
	u := &upload{driver: d, key: key, opts: opts, token: newToken(), declared: d.declares() && opts.Base == nil}
	err := u.create(ctx, op, &s3.CreateMultipartUploadInput{
		ContentType:  optional(opts.ContentType),
		StorageClass: types.StorageClass(opts.StorageClass),
		Metadata:     metadata(opts, u.token),
		Tagging:      tagging(opts.Tags),
	})
	if err != nil {
		return nil, err
	}
	if opts.Base != nil {
		if err := u.take(ctx, op, *opts.Base, pieces(opts.BaseSize, maxBasePieces)); err != nil {
			if backends.KindOf(err) == backends.ErrNotExist {
				err = backends.NewError(op, key, backends.ErrChanged, err)
			}
			return nil, u.giveUp(ctx, err)
		}
	}
	return u, nil
}

func checkBase(key string, opts backends.WriteOptions) error {
	switch {
	case opts.BaseSize > opts.Base.Size:
		return backends.ErrRange
	case opts.Base.Key != key, opts.BaseSize < minPart:
		return backends.ErrInvalid
	case opts.BaseSize > maxBasePieces*maxSingle:
		return backends.ErrTooLarge
	}
	return nil
}

// create begins the upload. in holds what the object shall have beside its bytes.
func (u *upload) create(ctx context.Context, op string, in *s3.CreateMultipartUploadInput) error {
	in.Bucket, in.Key = u.driver.bucket(), &u.key
	if u.declared {
		in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
	}
	err := u.begin(ctx, in)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return u.giveUp(ctx, u.driver.fail(op, u.key, err))
	}
	return nil
}

// giveUp aborts an upload that has failed with err, and returns err. A store that is away is not
// asked to: the caller has waited long enough for it.
func (u *upload) giveUp(ctx context.Context, err error) error {
	if u.id == "" && u.lost == (window{}) {
		return err
	}
	if !errors.Is(err, backends.ErrUnavailable) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		if u.Abort(ctx) == nil {
			return err
		}
	}
	return &backends.UnendedError{Upload: u, Err: err}
}

// ResumeUpload implements backends.Driver.
func (d *Driver) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "resume upload"
	if err := d.admit(ctx, op, key); err != nil {
		return nil, err
	}
	u := &upload{driver: d, key: key, opts: opts}
	pieces, err := u.parse(id)
	if err != nil {
		return nil, backends.NewError(op, key, backends.ErrUploadGone, err)
	}
	stored, err := u.list(ctx)
	if err != nil {
		return nil, d.fail(op, key, err)
	}
	for i := range pieces {
		if i == len(stored) || aws.ToInt32(stored[i].PartNumber) != int32(i+1) {
			return nil, backends.NewError(op, key, backends.ErrUploadGone, errors.New("its beginning is missing"))
		}
		part := stored[i]
		u.pieces = append(u.pieces, types.CompletedPart{PartNumber: part.PartNumber, ETag: part.ETag})
		u.size += aws.ToInt64(part.Size)
	}
	u.listed = u.parts(stored)
	d.own.hold(key)
	defer d.own.release(key)
	d.own.add(key, u.id)
	return u, nil
}

// ID implements backends.Upload. What comes before S3's own name is of fixed form.
func (u *upload) ID() backends.UploadID {
	sum := ChecksumSHA256
	if u.declared {
		sum = ChecksumCRC64NVME
	}
	return backends.UploadID(fmt.Sprintf("%d.%s.%s.%s", len(u.pieces), sum, u.token, u.id))
}

func (u *upload) parse(id backends.UploadID) (pieces int, err error) {
	fields := strings.SplitN(string(id), ".", 4)
	if len(fields) != 4 {
		return 0, errors.New("not an upload of this store")
	}
	u.declared, u.token, u.id = fields[1] == ChecksumCRC64NVME, fields[2], fields[3]
	count, err := strconv.ParseUint(fields[0], 10, 16)
	return int(count), err
}

// PutPart implements backends.Upload.
func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	d, op := u.driver, fmt.Sprintf("put part %d of", number)
	if err := d.admit(ctx, op, u.key); err != nil {
		return backends.Part{}, err
	}
	stored := len(u.pieces) + number
	if number < 1 || stored > maxNumber {
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrInvalid, nil)
	}
	crc, verify, err := d.verified(body, u.declared)
	if err != nil {
		return backends.Part{}, d.fail(op, u.key, err)
	}
	u.forgetList()
	out, err := d.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket:            d.bucket(),
		Key:               &u.key,
		UploadId:          &u.id,
		PartNumber:        aws.Int32(int32(stored)),
		Body:              body,
		ContentLength:     &body.Size,
		ChecksumCRC64NVME: crc,
	}, verify)
	if err == nil {
		err = named(out.ETag)
	}
	if err != nil {
		return backends.Part{}, d.fail(op, u.key, err)
	}
	return backends.Part{Number: number, Size: body.Size, Tag: version(out.ETag), Sum: body.Sum}, nil
}

// Parts implements backends.Upload.
func (u *upload) Parts(ctx context.Context) ([]backends.Part, error) {
	const op = "list parts of"
	if err := u.driver.admit(ctx, op, u.key); err != nil {
		return nil, err
	}
	if parts := u.forgetList(); parts != nil {
		return parts, nil
	}
	stored, err := u.list(ctx)
	if err != nil {
		return nil, u.driver.fail(op, u.key, err)
	}
	return u.parts(stored), nil
}

// forgetList returns the parts that ResumeUpload has found, once and only if none was put since.
func (u *upload) forgetList() []backends.Part {
	u.mu.Lock()
	defer u.mu.Unlock()
	listed := u.listed
	u.listed = nil
	return listed
}

// list returns the stored parts, pieces among them, by number.
func (u *upload) list(ctx context.Context) ([]types.Part, error) {
	var stored []types.Part
	in := &s3.ListPartsInput{Bucket: u.driver.bucket(), Key: &u.key, UploadId: &u.id, MaxParts: aws.Int32(maxPage)}
	for {
		out, err := u.driver.client.ListParts(ctx, in)
		if err != nil {
			return nil, err
		}
		stored = append(stored, out.Parts...)
		if !aws.ToBool(out.IsTruncated) || len(out.Parts) == 0 {
			return stored, nil
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
}

// parts returns what was put, in the contract's numbers.
func (u *upload) parts(stored []types.Part) []backends.Part {
	parts := []backends.Part{} // not nil: nil is "not listed"
	for _, s := range stored {
		number := int(aws.ToInt32(s.PartNumber)) - len(u.pieces)
		if number < 1 {
			continue
		}
		part := backends.Part{Number: number, Size: aws.ToInt64(s.Size), Tag: version(s.ETag)}
		if sum, err := decodeSum(aws.ToString(s.ChecksumCRC64NVME)); err == nil {
			part.Sum = sum
		}
		parts = append(parts, part)
	}
	return parts
}

// Abort implements backends.Upload.
func (u *upload) Abort(ctx context.Context) error {
	const op = "abort upload of"
	if err := u.driver.admit(ctx, op, u.key); err != nil {
		return err
	}
	var err error
	if u.id != "" {
		u.driver.own.remove(u.key, u.id)
		err = u.end(ctx, u.id)
	}
	if err == nil {
		err = u.sweep(ctx)
	}
	if err != nil {
		return u.driver.fail(op, u.key, err)
	}
	return nil
}
