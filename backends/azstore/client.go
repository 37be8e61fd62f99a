package azstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

const (
	// maxAttempts and the two delays let a request outlive a restart of the service: six attempts
	// spread over about 10 seconds. The SDK doubles the delay each time and adds its jitter. A
	// store that asks to be left alone for longer than maxDelay is taken at its word.
	maxAttempts = 6
	minDelay    = 200 * time.Millisecond
	maxDelay    = 5 * time.Second
	// maxTimeouts ends it sooner for a store that says nothing at all: each time costs a whole
	// answerTimeout, and the client is waiting.
	maxTimeouts = 2
)

// connect makes the client of a container, and what lets the service read from it.
func connect(opts Options, pools pools, tune tuning) (*container.Client, sourceAuth, error) {
	address := opts.Endpoint + "/" + opts.Container
	options := &container.ClientOptions{ClientOptions: clientOptions(pools, tune)}
	switch {
	case opts.AccountKey != "":
		key, err := container.NewSharedKeyCredential(opts.Account, opts.AccountKey)
		if err != nil {
			return nil, nil, errors.New("account_key: expected a key in base64")
		}
		client, err := container.NewClientWithSharedKeyCredential(address, key, options)
		return client, signedSource{client}, err
	case opts.SASToken != "":
		client, err := container.NewClientWithNoCredential(address+"?"+opts.SASToken, options)
		return client, plainSource{client}, err
	}
	identity, err := newIdentity(opts, pools)
	if err != nil {
		return nil, nil, fmt.Errorf("credentials: %w", err)
	}
	identity = tokens{identity}
	client, err := container.NewClient(address, identity, options)
	return client, tokenSource{plainSource{client}, identity}, err
}

func clientOptions(pools pools, tune tuning) policy.ClientOptions {
	return policy.ClientOptions{
		Transport: pools,
		Retry:     policy.RetryOptions{MaxRetries: maxAttempts - 1, RetryDelay: tune.minDelay, MaxRetryDelay: maxDelay},
		// The first counts the second's time-outs, over all tries of a call.
		PerCallPolicies:  []policy.Policy{policyFunc(beginPatience), policyFunc(renaming), policyFunc(removing)},
		PerRetryPolicies: []policy.Policy{policyFunc(losePatience)},
		Telemetry:        policy.TelemetryOptions{ApplicationID: "tidegate"},
	}
}

// newIdentity returns the chain of credentials that Azure's users expect, with one identity chosen
// where opts says which.
func newIdentity(opts Options, pools pools) (azcore.TokenCredential, error) {
	options := policy.ClientOptions{Transport: pools}
	if opts.ClientID == "" {
		return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: options, TenantID: opts.TenantID})
	}
	var chain []azcore.TokenCredential
	workload, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: options, ClientID: opts.ClientID, TenantID: opts.TenantID})
	if err == nil { // else not in a cluster with workload identities
		chain = append(chain, workload)
	}
	managed, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: options, ID: azidentity.ClientID(opts.ClientID)})
	if err != nil {
		return nil, err
	}
	return azidentity.NewChainedTokenCredential(append(chain, managed), nil)
}

// tokens tells the failures of a credential from those of the store.
type tokens struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (t tokens) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.TokenCredential.GetToken(ctx, options)
	if err != nil {
		return token, noToken{err}
	}
	return token, nil
}

type policyFunc func(*policy.Request) (*http.Response, error)

func (f policyFunc) Do(req *policy.Request) (*http.Response, error) { return f(req) }

// patience is the number of time-outs that a call may still meet.
type patience struct{ left int }

func beginPatience(req *policy.Request) (*http.Response, error) {
	req.SetOperationValue(&patience{maxTimeouts})
	return req.Next()
}

func losePatience(req *policy.Request) (*http.Response, error) {
	resp, err := req.Next()
	var p *patience
	if timedOut(err) && req.OperationValue(&p) {
		if p.left--; p.left <= 0 {
			return nil, silentError{err}
		}
	}
	return resp, err
}

// silentError ends the tries of a call.
type silentError struct{ error }

func (e silentError) Unwrap() error { return e.error }

// NonRetriable is how the SDK knows it.
func (silentError) NonRetriable() {}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// once lets a call be tried a single time.
func once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1, StatusCodes: []int{}})
}
