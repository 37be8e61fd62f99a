package s3store

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
)

// dress adds to every request what the options say of its kind, so that nobody who makes one
// can forget it.
func (o Options) dress() func(*s3.Options) {
	d := newDress(o)
	return s3.WithAPIOptions(func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Dress",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				d.put(in.Parameters)
				return next.HandleInitialize(ctx, in)
			}), middleware.Before)
	})
}

// dress is the options in the words of requests.
type dress struct {
	payer     types.RequestPayer
	acl       types.ObjectCannedACL
	class     types.StorageClass
	encrypted types.ServerSideEncryption
	kmsKey    *string
	bucketKey *bool
	customer  customerKey
}

func newDress(o Options) dress {
	d := dress{
		acl:       types.ObjectCannedACL(o.ACL),
		class:     types.StorageClass(o.StorageClass),
		encrypted: types.ServerSideEncryption(o.Encryption.ServerSide),
		kmsKey:    optional(o.Encryption.KMSKeyID),
		customer:  o.Encryption.customerKey(),
	}
	if o.RequestPayer {
		d.payer = types.RequestPayerRequester
	}
	if o.Encryption.BucketKey {
		d.bucketKey = &o.Encryption.BucketKey
	}
	return d
}

// put dresses the input of an operation. The three that make an object carry all of it; what
// touches an object's bytes or parts, the customer's key. Requests of a bucket are free.
func (d dress) put(input any) {
	c := d.customer
	switch in := input.(type) {
	case *s3.PutObjectInput:
		in.RequestPayer, in.ACL, in.StorageClass = d.payer, d.acl, d.classOr(in.StorageClass)
		in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = d.encrypted, d.kmsKey, d.bucketKey
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.CreateMultipartUploadInput:
		in.RequestPayer, in.ACL, in.StorageClass = d.payer, d.acl, d.classOr(in.StorageClass)
		in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = d.encrypted, d.kmsKey, d.bucketKey
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.CopyObjectInput:
		in.RequestPayer, in.ACL, in.StorageClass = d.payer, d.acl, d.classOr(in.StorageClass)
		in.ServerSideEncryption, in.SSEKMSKeyId, in.BucketKeyEnabled = d.encrypted, d.kmsKey, d.bucketKey
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
		in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.UploadPartInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.UploadPartCopyInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
		in.CopySourceSSECustomerAlgorithm, in.CopySourceSSECustomerKey, in.CopySourceSSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.CompleteMultipartUploadInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.ListPartsInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.HeadObjectInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.GetObjectInput:
		in.RequestPayer = d.payer
		in.SSECustomerAlgorithm, in.SSECustomerKey, in.SSECustomerKeyMD5 = c.algorithm, c.key, c.md5
	case *s3.GetObjectTaggingInput:
		in.RequestPayer = d.payer
	case *s3.ListObjectsV2Input:
		in.RequestPayer = d.payer
	case *s3.ListMultipartUploadsInput:
		in.RequestPayer = d.payer
	case *s3.AbortMultipartUploadInput:
		in.RequestPayer = d.payer
	case *s3.DeleteObjectInput:
		in.RequestPayer = d.payer
	case *s3.DeleteObjectsInput:
		in.RequestPayer = d.payer
	}
}

// classOr returns the class that a write asks for, or else the store's.
func (d dress) classOr(asked types.StorageClass) types.StorageClass {
	if asked != "" {
		return asked
	}
	return d.class
}
