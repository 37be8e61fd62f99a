package gcsstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"cloud.google.com/go/auth"
	"cloud.google.com/go/auth/credentials"
	"cloud.google.com/go/auth/credentials/impersonate"
)

// scope is what tokens are good for. What they allow is for the account's roles to say.
const scope = "https://www.googleapis.com/auth/cloud-platform"

// identity is as whom requests are made. It is looked for when the first token is needed and not
// before: whether this is a machine of Google's is a question over the network.
type identity struct {
	opts   Options
	client *http.Client // for tokens

	mu    sync.Mutex
	found *auth.Credentials // nil until they are
}

// authorize adds a token to the request.
func (i *identity) authorize(req *http.Request) error {
	found, err := i.credentials()
	if err != nil {
		return &credentialsError{err}
	}
	token, err := found.Token(req.Context())
	if err != nil {
		if cause := context.Cause(req.Context()); cause != nil {
			return cause
		}
		return &credentialsError{err}
	}
	req.Header.Set("Authorization", "Bearer "+token.Value)
	return nil
}

func (i *identity) credentials() (*auth.Credentials, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.found != nil {
		return i.found, nil
	}
	found, err := i.find()
	if err == nil && i.opts.Impersonate != "" {
		found, err = impersonate.NewCredentials(&impersonate.CredentialsOptions{
			TargetPrincipal: i.opts.Impersonate,
			Scopes:          []string{scope},
			Credentials:     found,
		})
	}
	if err != nil {
		return nil, err
	}
	i.found = found
	return found, nil
}

func (i *identity) find() (*auth.Credentials, error) {
	detect := &credentials.DetectOptions{Scopes: []string{scope}, UseSelfSignedJWT: true, Client: i.client}
	data := []byte(i.opts.CredentialsJSON)
	if i.opts.CredentialsFile != "" {
		var err error
		if data, err = os.ReadFile(i.opts.CredentialsFile); err != nil {
			return nil, err
		}
	}
	if len(data) == 0 {
		return credentials.DetectDefault(detect)
	}
	kind, err := fileType(data)
	if err != nil {
		return nil, err
	}
	found, err := credentials.NewCredentialsFromJSON(kind, data, detect)
	if err != nil {
		return nil, errors.New("a part of the credentials is missing or damaged") // the library's words may repeat it
	}
	return found, nil
}

// credentialsError is a request that was not made for want of a token.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return fmt.Sprintf("credentials: %v", e.err) }

// Unwrap returns what was wrong with them.
func (e *credentialsError) Unwrap() error { return e.err }
