package s3store

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The ways to have the store verify the bytes it is sent.
const (
	// ChecksumCRC64NVME sends the sum that was computed while the buffers filled, in a header.
	// Parts are verified one by one and the object as a whole when it is published.
	ChecksumCRC64NVME = "crc64nvme"
	// ChecksumSHA256 signs the SHA-256 of every body as it is sent, which even the plainest
	// store verifies. It costs one more read of each body, and nothing verifies the whole object.
	ChecksumSHA256 = "sha256"
)

// Options says which bucket, where, and as whom. Only Bucket is needed on AWS, where the rest
// can come from where the AWS tools look for it.
type Options struct {
	Bucket   string // its plain name, no ARN
	Endpoint string // "http://host:port" or "https://…"; "" for AWS
	Region   string // "" for the SDK's own (AWS_REGION, ~/.aws/config), or us-east-1 where Endpoint is set

	// PathStyle puts the bucket into the path of URLs and not into the host name; MinIO and
	// most stores that are not in the public DNS need it.
	PathStyle bool

	// AccessKey and SecretKey are both set or both "", which means the SDK's default chain:
	// environment, ~/.aws, web identity, container and machine roles. SessionToken goes with
	// keys that expire.
	AccessKey, SecretKey, SessionToken string

	// Checksum is one of the Checksum constants, "" for ChecksumCRC64NVME.
	Checksum string

	// StorageClass is that of objects whose WriteOptions name none, in the vendor's words; "" for
	// the bucket's own, and for directory buckets, which have only one. Copies keep that of
	// their source.
	StorageClass string

	// ACL is the canned ACL of everything that is written; "" for none. Buckets made since 2023
	// refuse it unless they are set up for it.
	ACL string

	// RequestPayer pays for the requests to another account's bucket that asks for it.
	RequestPayer bool

	Encryption Encryption
	Role       Role
}

// validBucket is wider than today's rules: us-east-1 still has older buckets.
var validBucket = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)

func (o Options) validate() error {
	var errs []error
	bad := func(field, expected string) { errs = append(errs, fmt.Errorf("%s: expected %s", field, expected)) }
	if !validBucket.MatchString(o.Bucket) {
		bad("bucket", fmt.Sprintf("the name of a bucket, not %q", o.Bucket))
	}
	if o.Endpoint != "" && !validEndpoint(o.Endpoint) {
		// The value is not repeated: it may hold a password, which is one way to be wrong.
		bad("endpoint", "http://host or https://host, with a port if it is not the usual one, and no user, query or fragment")
	}
	if (o.AccessKey == "") != (o.SecretKey == "") {
		bad("access_key and secret_key", "both or neither")
	}
	if o.SessionToken != "" && o.AccessKey == "" {
		bad("session_token", "access_key and secret_key with it")
	}
	switch o.Checksum {
	case "", ChecksumCRC64NVME, ChecksumSHA256:
	default:
		bad("checksum", fmt.Sprintf("%s or %s, not %q", ChecksumCRC64NVME, ChecksumSHA256, o.Checksum))
	}
	if acl := types.ObjectCannedACL(o.ACL); acl != "" && !slices.Contains(acl.Values(), acl) {
		bad("acl", fmt.Sprintf("one of %v, not %q", acl.Values(), acl))
	}
	o.Encryption.validate(o, bad)
	o.Role.validate(bad)
	if o.directory() {
		o.validateDirectory(bad)
	}
	return errors.Join(errs...)
}

// validateDirectory refuses what directory buckets do not have.
func (o Options) validateDirectory(bad func(field, expected string)) {
	const none = "none for a directory bucket"
	if o.StorageClass != "" {
		bad("storage_class", none)
	}
	if o.ACL != "" {
		bad("acl", none)
	}
	if o.RequestPayer {
		bad("request_payer", none)
	}
	if o.Role.UserCredentials {
		bad("user_credentials", none+": its sessions cannot be held to a prefix")
	}
}

// aws reports whether the bucket is Amazon's own.
func (o Options) aws() bool {
	if o.Endpoint == "" {
		return true
	}
	u, err := url.Parse(o.Endpoint)
	return err == nil && (strings.HasSuffix(u.Hostname(), ".amazonaws.com") || strings.HasSuffix(u.Hostname(), ".amazonaws.com.cn"))
}

// directory reports whether the bucket is one of S3 Express One Zone. Its name says so.
func (o Options) directory() bool { return o.aws() && strings.HasSuffix(o.Bucket, "--x-s3") }

func validEndpoint(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// place names the bucket for an operator.
func (o Options) place() string {
	at := o.Endpoint
	if at == "" {
		at = "AWS"
	}
	return fmt.Sprintf("bucket %q at %s, region %q", o.Bucket, at, o.Region)
}
