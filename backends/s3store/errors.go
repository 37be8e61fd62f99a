package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/tidegate/tidegate/backends"
)

var errLongKey = fmt.Errorf("longer than %d bytes", maxKey)

// The codes that more than one place looks at.
const (
	codeNoSuchUpload = "NoSuchUpload"
	codeInvalidPart  = "InvalidPart"
	codeNoACLs       = "AccessControlListNotSupported"

	kmsCodes = "KMS." // begins those of the KMS, which S3 hands on
)

// kinds tells what the codes of S3, and MinIO's own, mean to a caller. What only an operator
// can mend is ErrUnavailable: the store cannot be used now, and nothing is wrong with the key.
var kinds = map[string]backends.Kind{
	"NoSuchKey": backends.ErrNotExist,
	"NotFound":  backends.ErrNotExist,

	"AccessDenied":       backends.ErrPermission,
	"Forbidden":          backends.ErrPermission, // a HEAD's 403, which has no body to say more
	"AllAccessDisabled":  backends.ErrPermission,
	"MethodNotAllowed":   backends.ErrPermission, // an object lock
	"ObjectLocked":       backends.ErrPermission,
	"InvalidObjectState": backends.ErrPermission, // archived: to be restored first

	"PreconditionFailed":         backends.ErrChanged,
	"ConditionalRequestConflict": backends.ErrChanged,

	codeNoSuchUpload: backends.ErrUploadGone,
	"InvalidRange":   backends.ErrRange,

	"EntityTooLarge":  backends.ErrTooLarge,
	"InvalidMaxParts": backends.ErrTooLarge,

	"XMinioStorageFull":              backends.ErrQuota,
	"XMinioAdminBucketQuotaExceeded": backends.ErrQuota,
	"QuotaExceeded":                  backends.ErrQuota,
	"InsufficientStorage":            backends.ErrQuota,

	codeInvalidPart:                 backends.ErrInvalid,
	"InvalidPartOrder":              backends.ErrInvalid,
	"EntityTooSmall":                backends.ErrInvalid,
	"BadDigest":                     backends.ErrInvalid,
	"InvalidDigest":                 backends.ErrInvalid,
	"XAmzContentChecksumMismatch":   backends.ErrInvalid,
	"XAmzContentSHA256Mismatch":     backends.ErrInvalid,
	"KeyTooLongError":               backends.ErrInvalid,
	"BadRequest":                    backends.ErrInvalid, // a HEAD's 400, which has no body to say more
	"InvalidURI":                    backends.ErrInvalid,
	"XMinioInvalidObjectName":       backends.ErrInvalid,
	"XMinioInvalidResourceName":     backends.ErrInvalid,
	"XMinioObjectExistsAsDirectory": backends.ErrInvalid,

	"InvalidTag": backends.ErrInvalid,

	"NotImplemented": backends.ErrUnsupported,

	"SlowDown":                     backends.ErrUnavailable,
	"ServiceUnavailable":           backends.ErrUnavailable,
	"InternalError":                backends.ErrUnavailable,
	"RequestTimeout":               backends.ErrUnavailable,
	"OperationAborted":             backends.ErrUnavailable,
	"NoSuchBucket":                 backends.ErrUnavailable,
	"InvalidAccessKeyId":           backends.ErrUnavailable,
	"SignatureDoesNotMatch":        backends.ErrUnavailable,
	"ExpiredToken":                 backends.ErrUnavailable,
	"InvalidToken":                 backends.ErrUnavailable,
	"RequestTimeTooSkewed":         backends.ErrUnavailable,
	"PermanentRedirect":            backends.ErrUnavailable,
	"TemporaryRedirect":            backends.ErrUnavailable,
	"AuthorizationHeaderMalformed": backends.ErrUnavailable,
	codeNoACLs:                     backends.ErrUnavailable,
	"InvalidStorageClass":          backends.ErrUnavailable,
}

// statuses are for codes that are not in kinds, and for answers without one.
var statuses = map[int]backends.Kind{
	http.StatusForbidden:                    backends.ErrPermission,
	http.StatusUnauthorized:                 backends.ErrPermission,
	http.StatusNotFound:                     backends.ErrNotExist,
	http.StatusConflict:                     backends.ErrChanged,
	http.StatusPreconditionFailed:           backends.ErrChanged,
	http.StatusRequestEntityTooLarge:        backends.ErrTooLarge,
	http.StatusRequestedRangeNotSatisfiable: backends.ErrRange,
	http.StatusTooManyRequests:              backends.ErrUnavailable,
	http.StatusNotImplemented:               backends.ErrUnsupported,
	http.StatusInsufficientStorage:          backends.ErrQuota,
	http.StatusMovedPermanently:             backends.ErrUnavailable,
	http.StatusTemporaryRedirect:            backends.ErrUnavailable,
}

// kindOf classes an error of the SDK.
func kindOf(err error) backends.Kind {
	if role := (*roleError)(nil); errors.As(err, &role) && !errors.Is(err, context.Canceled) {
		return backends.ErrUnavailable
	}
	code := codeOf(err)
	if kind, ok := kinds[code]; ok {
		return kind
	}
	if strings.HasPrefix(code, kmsCodes) {
		return backends.ErrUnavailable
	}
	status := statusOf(err)
	if kind, ok := statuses[status]; ok {
		return kind
	}
	switch {
	case errors.Is(err, errSum):
		return backends.ErrInvalid
	case errors.Is(err, context.Canceled):
		return backends.ErrUnknown // the caller's own doing
	case status == 0 || status >= http.StatusInternalServerError:
		return backends.ErrUnavailable // no answer, or none that says more
	}
	return backends.ErrUnknown
}

// codeOf returns the code of the store's answer, "" if there was no answer.
func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// statusOf returns the HTTP status of the store's answer, 0 if there was no answer.
func statusOf(err error) int {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil {
		return resp.HTTPStatusCode()
	}
	return 0
}

// fail makes the driver's error of one of the SDK's.
func (d *Driver) fail(op, key string, err error) error {
	return d.failAs(kindOf(err), d.hint(err), op, key, err)
}

// failWrite is fail for a write under conditions, which 412 says were not met.
func (d *Driver) failWrite(op, key string, opts backends.WriteOptions, err error) error {
	kind := kindOf(err)
	switch {
	case kind == backends.ErrChanged && opts.IfAbsent:
		kind = backends.ErrExist
	case kind == backends.ErrNotExist && opts.IfVersion != "":
		kind = backends.ErrChanged // S3's answer to If-Match where there is nothing
	}
	return d.failAs(kind, d.hint(err), op, key, err)
}

// failTwo is failWrite for what depends on two objects under conditions: S3 does not say which
// of them was not met.
func (d *Driver) failTwo(ctx context.Context, op, dst string, src backends.Info, opts backends.WriteOptions, err error) error {
	kind := kindOf(err)
	if !conditional(opts) || kind != backends.ErrChanged && kind != backends.ErrNotExist {
		return d.fail(op, src.Key, err)
	}
	if _, headErr := d.head(ctx, src.Key, src.Version); headErr != nil {
		return d.fail(op, src.Key, headErr)
	}
	return d.failWrite(op, dst, opts, err)
}

func (d *Driver) failAs(kind backends.Kind, hint, op, key string, err error) error {
	if hint != "" {
		err = fmt.Errorf("%s: %s: %w", d.opts.place(), hint, err)
	}
	return backends.NewError(op, key, kind, err)
}

const hintNoBucket = "there is no such bucket: make it, or correct its name"

// hint says what an operator can do about err, "" where that is not known.
func (d *Driver) hint(err error) string {
	if role := (*roleError)(nil); errors.As(err, &role) {
		return "the role cannot be assumed"
	}
	code := codeOf(err)
	if strings.HasPrefix(code, kmsCodes) {
		return "the KMS does not give the key"
	}
	switch code {
	case codeNoACLs:
		return "the bucket takes no ACLs"
	case "InvalidStorageClass":
		return "the storage class is not known there"
	case "NoSuchBucket":
		return hintNoBucket
	case "InvalidAccessKeyId":
		return "the access key is not known there"
	case "SignatureDoesNotMatch":
		return "the secret key is not that of the access key"
	case "ExpiredToken", "InvalidToken":
		return "the credentials are no longer valid"
	case "RequestTimeTooSkewed":
		return "this machine's clock and the store's differ too much"
	case "AuthorizationHeaderMalformed", "PermanentRedirect", "MovedPermanently", "IllegalLocationConstraintException":
		if region := regionOf(err); region != "" && region != d.opts.Region {
			return fmt.Sprintf("the bucket is in region %q", region)
		}
		return "the region or the endpoint is not that of the bucket"
	}
	return ""
}

// regionOf returns where the bucket is, if the store's answer says so.
func regionOf(err error) string {
	var resp *awshttp.ResponseError
	if errors.As(err, &resp) && resp.Response != nil {
		return resp.Response.Header.Get("X-Amz-Bucket-Region")
	}
	return ""
}
