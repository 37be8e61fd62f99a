package s3store

import (
	"context"
	"io"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// answered is an error as the SDK makes it of a store's answer.
func answered(status int, code string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "Anything", Err: &awshttp.ResponseError{
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status, Header: http.Header{}}},
			Err:      &smithy.GenericAPIError{Code: code},
		},
	}}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind backends.Kind
	}{
		{answered(404, "NoSuchKey"), backends.ErrNotExist},
		{answered(404, "NotFound"), backends.ErrNotExist},
		{answered(404, "NoSuchUpload"), backends.ErrUploadGone},
		{answered(404, "NoSuchBucket"), backends.ErrUnavailable},
		{answered(404, "AnotherVendorsCode"), backends.ErrNotExist},
		{answered(403, "AccessDenied"), backends.ErrPermission},
		{answered(403, "Forbidden"), backends.ErrPermission},
		{answered(403, "SignatureDoesNotMatch"), backends.ErrUnavailable},
		{answered(400, "ExpiredToken"), backends.ErrUnavailable},
		{answered(301, "PermanentRedirect"), backends.ErrUnavailable},
		{answered(412, "PreconditionFailed"), backends.ErrChanged},
		{answered(409, "ConditionalRequestConflict"), backends.ErrChanged},
		{answered(416, "InvalidRange"), backends.ErrRange},
		{answered(400, "InvalidPart"), backends.ErrInvalid},
		{answered(400, "EntityTooSmall"), backends.ErrInvalid},
		{answered(400, "EntityTooLarge"), backends.ErrTooLarge},
		{answered(400, "BadDigest"), backends.ErrInvalid},
		{answered(400, "XAmzContentChecksumMismatch"), backends.ErrInvalid},
		{answered(400, "XAmzContentSHA256Mismatch"), backends.ErrInvalid},
		{answered(400, "KeyTooLongError"), backends.ErrInvalid},
		{answered(400, "XMinioInvalidObjectName"), backends.ErrInvalid},
		{answered(507, "XMinioStorageFull"), backends.ErrQuota},
		{answered(400, "XMinioAdminBucketQuotaExceeded"), backends.ErrQuota},
		{answered(507, "AnotherVendorsCode"), backends.ErrQuota},
		{answered(501, "NotImplemented"), backends.ErrUnsupported},
		{answered(400, "InvalidTag"), backends.ErrInvalid},
		{answered(400, "InvalidStorageClass"), backends.ErrUnavailable},
		{answered(400, "AccessControlListNotSupported"), backends.ErrUnavailable},
		{answered(400, "KMS.DisabledException"), backends.ErrUnavailable},
		{&roleError{answered(403, "AccessDenied")}, backends.ErrUnavailable},
		{&roleError{context.Canceled}, backends.ErrUnknown},
		{answered(429, "TooManyRequests"), backends.ErrUnavailable},
		{answered(503, "SlowDown"), backends.ErrUnavailable},
		{answered(500, "InternalError"), backends.ErrUnavailable},
		{answered(502, "BadGateway"), backends.ErrUnavailable},
		{answered(400, "AnotherVendorsCode"), backends.ErrUnknown},
		{io.ErrUnexpectedEOF, backends.ErrUnavailable},
		{context.DeadlineExceeded, backends.ErrUnavailable},
		{transport.ErrStalled, backends.ErrUnavailable},
		{context.Canceled, backends.ErrUnknown},
		{errSum, backends.ErrInvalid},
	} {
		require.Equal(t, c.kind, kindOf(c.err), "%v", c.err)
	}
}

func TestConditionsDecideWhat412Means(t *testing.T) {
	d := new(Driver)
	for _, c := range []struct {
		opts backends.WriteOptions
		err  error
		kind backends.Kind
	}{
		{backends.WriteOptions{IfAbsent: true}, answered(412, "PreconditionFailed"), backends.ErrExist},
		{backends.WriteOptions{IfVersion: "v"}, answered(412, "PreconditionFailed"), backends.ErrChanged},
		{backends.WriteOptions{IfVersion: "v"}, answered(404, "NoSuchKey"), backends.ErrChanged},
		{backends.WriteOptions{}, answered(404, "NoSuchUpload"), backends.ErrUploadGone},
		{backends.WriteOptions{IfVersion: "v"}, answered(404, "NoSuchUpload"), backends.ErrUploadGone},
	} {
		err := d.failWrite("put", "a", c.opts, c.err)
		require.Equal(t, c.kind, backends.KindOf(err), "%v", err)
		var api smithy.APIError
		require.ErrorAs(t, err, &api, "the store's own error stays in the chain")
	}
}
