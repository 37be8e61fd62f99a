package gcsstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/stretchr/testify/require"
	"google.golang.org/api/googleapi"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// answered is an error as the library makes it of an answer of the JSON API.
func answered(status int, reason string) error {
	return fmt.Errorf("retried: %w", &googleapi.Error{Code: status, Errors: []googleapi.ErrorItem{{Reason: reason}}})
}

// inXML is one of the XML API.
func inXML(status int, code string) error {
	return &googleapi.Error{Code: status, Body: "<?xml version='1.0'?><Error><Code>" + code + "</Code></Error>"}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind backends.Kind
	}{
		{answered(404, "notFound"), backends.ErrNotExist},
		{inXML(404, "NoSuchKey"), backends.ErrNotExist},
		{storage.ErrBucketNotExist, backends.ErrUnavailable},
		{&googleapi.Error{Code: 404, Message: "The specified bucket does not exist."}, backends.ErrUnavailable},
		{inXML(404, "NoSuchBucket"), backends.ErrUnavailable},
		{answered(401, "authError"), backends.ErrUnavailable},
		{answered(403, "forbidden"), backends.ErrPermission},
		{inXML(403, "AccessDenied"), backends.ErrPermission},
		{answered(403, "retentionPolicyNotMet"), backends.ErrPermission},
		{answered(403, "rateLimitExceeded"), backends.ErrUnavailable},
		{answered(403, "quotaExceeded"), backends.ErrQuota},
		{answered(403, "accountDisabled"), backends.ErrUnavailable},
		{answered(400, "invalid"), backends.ErrInvalid},
		{answered(400, "userProjectMissing"), backends.ErrUnavailable},
		{inXML(400, "UserProjectMissing"), backends.ErrUnavailable},
		{answered(400, "customerEncryptionKeyIsIncorrect"), backends.ErrPermission},
		{inXML(400, "ResourceIsEncryptedWithCustomerEncryptionKey"), backends.ErrPermission},
		{answered(412, "conditionNotMet"), backends.ErrChanged},
		{inXML(412, "PreconditionFailed"), backends.ErrChanged},
		{answered(413, "uploadTooLarge"), backends.ErrTooLarge},
		{inXML(416, "InvalidRange"), backends.ErrRange},
		{answered(429, "rateLimitExceeded"), backends.ErrUnavailable},
		{answered(500, "backendError"), backends.ErrUnavailable},
		{answered(503, ""), backends.ErrUnavailable},
		{&credentialsError{errors.New("none")}, backends.ErrUnavailable},
		{io.ErrUnexpectedEOF, backends.ErrUnavailable},
		{context.DeadlineExceeded, backends.ErrUnavailable},
		{transport.ErrStalled, backends.ErrUnavailable},
		{context.Canceled, backends.ErrUnknown},
		{errSum, backends.ErrInvalid},
		{answered(418, "teapot"), backends.ErrUnknown},
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
		{backends.WriteOptions{IfAbsent: true}, answered(412, "conditionNotMet"), backends.ErrExist},
		{backends.WriteOptions{IfVersion: "1"}, answered(412, "conditionNotMet"), backends.ErrChanged},
		{backends.WriteOptions{IfVersion: "1"}, answered(404, "notFound"), backends.ErrChanged},
	} {
		err := d.failWrite("put", "a", c.opts, c.err)
		require.Equal(t, c.kind, backends.KindOf(err), "%v", err)
		var vendors *googleapi.Error
		require.ErrorAs(t, err, &vendors, "the store's own error stays in the chain")
	}
}

func TestHintsSayWhatToDo(t *testing.T) {
	d := &Driver{opts: Options{Bucket: "drop"}}
	for says, err := range map[string]error{
		"there is no such bucket":    storage.ErrBucketNotExist,
		"no longer, valid there":     answered(401, "authError"),
		"name the project that pays": answered(400, "userProjectMissing"),
		"no billing account":         answered(403, "accountDisabled"),
		"the encryption key is not":  inXML(400, "CustomerEncryptionKeyIsIncorrect"),
		"name a file of them":        &credentialsError{errors.New("none")},
	} {
		failed := d.fail("stat", "a", err)
		require.ErrorContains(t, failed, `bucket "drop" at Google Cloud Storage: `)
		require.ErrorContains(t, failed, says)
	}
}
