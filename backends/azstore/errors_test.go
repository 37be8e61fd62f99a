package azstore

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/transport"
)

// answered is an error as the SDK makes it of a store's answer.
func answered(status int, code string) error {
	return &azcore.ResponseError{StatusCode: status, ErrorCode: code}
}

func TestKinds(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind backends.Kind
	}{
		{answered(404, "BlobNotFound"), backends.ErrNotExist},
		{answered(404, "ContainerNotFound"), backends.ErrUnavailable},
		{answered(404, "AnotherCode"), backends.ErrNotExist},
		{answered(409, "BlobAlreadyExists"), backends.ErrExist},
		{answered(409, "ContainerBeingDeleted"), backends.ErrUnavailable},
		{answered(409, "AccountIsDisabled"), backends.ErrUnavailable},
		{answered(409, "DirectoryIsNotEmpty"), backends.ErrNotEmpty},
		{answered(409, "DirectoryNotEmpty"), backends.ErrNotEmpty},
		{answered(409, "BlobArchived"), backends.ErrPermission},
		{answered(409, "BlockCountExceedsLimit"), backends.ErrTooLarge},
		{answered(412, "ConditionNotMet"), backends.ErrChanged},
		{answered(412, "SourceConditionNotMet"), backends.ErrChanged},
		{answered(412, "LeaseIdMissing"), backends.ErrPermission},
		{answered(403, "AuthorizationPermissionMismatch"), backends.ErrPermission},
		{answered(403, "AuthenticationFailed"), backends.ErrUnavailable},
		{answered(401, "NoAuthenticationInformation"), backends.ErrUnavailable},
		{answered(400, "InvalidBlockList"), backends.ErrUploadGone},
		{answered(400, "InvalidBlobOrBlock"), backends.ErrUnavailable},
		{answered(400, "Crc64Mismatch"), backends.ErrInvalid},
		{answered(413, "RequestBodyTooLarge"), backends.ErrTooLarge},
		{answered(416, "InvalidRange"), backends.ErrRange},
		{answered(503, "ServerBusy"), backends.ErrUnavailable},
		{answered(500, "AnotherCode"), backends.ErrUnavailable},
		{answered(400, "AnotherCode"), backends.ErrUnknown},
		{noToken{errors.New("x")}, backends.ErrUnavailable},
		{io.ErrUnexpectedEOF, backends.ErrUnavailable},
		{context.DeadlineExceeded, backends.ErrUnavailable},
		{transport.ErrStalled, backends.ErrUnavailable},
		{context.Canceled, backends.ErrUnknown},
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
		{backends.WriteOptions{IfAbsent: true}, answered(412, "ConditionNotMet"), backends.ErrExist},
		{backends.WriteOptions{IfVersion: "v"}, answered(412, "ConditionNotMet"), backends.ErrChanged},
		{backends.WriteOptions{IfVersion: "v"}, answered(404, "BlobNotFound"), backends.ErrChanged},
		{backends.WriteOptions{IfVersion: "v"}, answered(404, "ContainerNotFound"), backends.ErrUnavailable},
	} {
		err := d.failWrite("put", "a", c.opts, c.err)
		require.Equal(t, c.kind, backends.KindOf(err), "%v", err)
		var answer *azcore.ResponseError
		require.ErrorAs(t, err, &answer, "the store's own error stays in the chain")
	}
}

func TestEveryHintIsOfAKnownCode(t *testing.T) {
	for code := range hints {
		require.Contains(t, kinds, code)
	}
}

// TestErrorsHoldNoSecrets has the store repeat what it was sent.
func TestErrorsHoldNoSecrets(t *testing.T) {
	p, d := newProxy(t)
	key := p.opts.AccountKey
	p.opts.AccountKey, p.opts.SASToken = "", "sv=2026&sig=very-secret"
	sas := p.open(t, func(*Options, *tuning) {})
	for _, d := range []*Driver{d, sas} {
		p.spoil("", 1, answering(http.StatusForbidden, "AuthenticationFailed"))
		_, err := d.Stat(t.Context(), "a")
		require.ErrorContains(t, err, "403 AuthenticationFailed (request made-up)")
		require.ErrorContains(t, err, "the account key or the SAS is wrong")
		p.spoil("", maxAttempts, loseRequest)
		_, lost := d.Stat(t.Context(), "a")
		for _, err := range []error{err, lost} {
			require.Error(t, err)
			require.NotContains(t, err.Error(), "very-secret")
			require.NotContains(t, err.Error(), key)
			require.NotContains(t, err.Error(), "SharedKey")
		}
	}
}
