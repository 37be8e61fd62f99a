package azstore

import (
	"context"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
)

const (
	// sourceLife is how long the service may begin to read from a source: until a copy's last
	// piece has been asked for, with clocks that differ.
	sourceLife = time.Hour
	// storageScope is what a token is for.
	storageScope = "https://storage.azure.com/.default"
)

// sourceAuth lets the service read a blob by itself: it fetches the source of a copy by its URL,
// even where that is the very container, and not with the credentials of the request.
type sourceAuth interface {
	// source returns the URL of a blob and, where the URL does not say enough, an authorization.
	source(ctx context.Context, name string) (url string, authorization *string, err error)
}

// plainSource has a SAS in all its URLs.
type plainSource struct{ container *container.Client }

func (s plainSource) source(_ context.Context, name string) (string, *string, error) {
	return s.container.NewBlobClient(name).URL(), nil, nil
}

// signedSource signs a SAS for one blob with the account's key.
type signedSource struct{ container *container.Client }

func (s signedSource) source(_ context.Context, name string) (string, *string, error) {
	url, err := s.container.NewBlobClient(name).GetSASURL(sas.BlobPermissions{Read: true}, time.Now().Add(sourceLife), nil)
	return url, nil, err
}

// tokenSource hands on a token, which the credential keeps until it ends.
type tokenSource struct {
	plainSource
	identity azcore.TokenCredential
}

func (s tokenSource) source(ctx context.Context, name string) (string, *string, error) {
	url, _, _ := s.plainSource.source(ctx, name) // never fails
	token, err := s.identity.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}})
	authorization := "Bearer " + token.Token
	return url, &authorization, err
}
