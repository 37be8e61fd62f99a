package s3store

import (
	"crypto/md5" //nolint:gosec // S3 asks for it, as a checksum
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The values of Encryption.ServerSide, as S3 calls them.
const (
	EncryptionS3      = "AES256"       // SSE-S3: keys of the store
	EncryptionKMS     = "aws:kms"      // SSE-KMS: a key of the KMS
	EncryptionKMSDSSE = "aws:kms:dsse" // the same in two layers
)

// customerKeySize is the only length there is: that of AES-256.
const customerKeySize = 32

// Encryption says how the store encrypts what is written. The zero value leaves it to the bucket.
//
// None of it changes what the driver tells of an object: a version is whatever ETag the store
// gives the bytes, and a sum is one of the plain bytes.
type Encryption struct {
	ServerSide string // one of the constants; "" for the bucket's default
	KMSKeyID   string // with a KMS: a key's ID or ARN; "" for the account's own key for S3
	BucketKey  bool   // with EncryptionKMS: fewer requests to the KMS, by a key for the bucket

	// CustomerKey is a key of SSE-C, 32 bytes in base64, that goes with every request and that the
	// store forgets. What is in the bucket without it cannot be read with it. It excludes
	// ServerSide and needs https.
	CustomerKey string
}

func (e Encryption) validate(o Options, bad func(field, expected string)) {
	kms := false
	switch e.ServerSide {
	case "", EncryptionS3:
	case EncryptionKMS:
		kms = true
	case EncryptionKMSDSSE:
		kms = true
		if o.directory() {
			bad("encryption", fmt.Sprintf("%s or %s for a directory bucket", EncryptionS3, EncryptionKMS))
		}
	default:
		bad("encryption", fmt.Sprintf("%s, %s or %s, not %q", EncryptionS3, EncryptionKMS, EncryptionKMSDSSE, e.ServerSide))
	}
	if e.KMSKeyID != "" && !kms {
		bad("kms_key_id", "it with encryption "+EncryptionKMS+" only")
	}
	if e.BucketKey && e.ServerSide != EncryptionKMS {
		bad("bucket_key", "it with "+EncryptionKMS+" only")
	}
	if e.CustomerKey == "" {
		return
	}
	// The value is a secret: it is not repeated.
	if key, err := base64.StdEncoding.DecodeString(e.CustomerKey); err != nil || len(key) != customerKeySize {
		bad("customer_key", fmt.Sprintf("%d bytes in base64", customerKeySize))
	}
	if e.ServerSide != "" {
		bad("customer_key", "no encryption beside it")
	}
	if strings.HasPrefix(o.Endpoint, "http:") {
		bad("customer_key", "an endpoint with https, so that nobody reads the key on the way")
	}
	if o.directory() {
		bad("customer_key", "none for a directory bucket")
	}
}

// customerKey is a key of SSE-C as requests carry it; all nil for none.
type customerKey struct{ algorithm, key, md5 *string }

func (e Encryption) customerKey() customerKey {
	key, err := base64.StdEncoding.DecodeString(e.CustomerKey)
	if err != nil || len(key) == 0 {
		return customerKey{}
	}
	sum := md5.Sum(key) //nolint:gosec // S3 asks for it, as a checksum
	return customerKey{
		algorithm: aws.String("AES256"),
		key:       &e.CustomerKey,
		md5:       aws.String(base64.StdEncoding.EncodeToString(sum[:])),
	}
}
