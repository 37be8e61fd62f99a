package s3store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

const (
	// defaultSession is the longest that every role allows.
	defaultSession = time.Hour
	minSession     = 15 * time.Minute
	maxSession     = 12 * time.Hour

	// renewBefore is how long before their end credentials are renewed: more than what the clocks
	// here and there differ by, and what a request waits for its connection.
	renewBefore = time.Minute

	defaultSessionName = "tidegate"
)

// Role is what the store's credentials are exchanged for, by AssumeRole of the STS. The answer is
// used by all requests until a minute before it expires. The zero value is no role.
type Role struct {
	ARN             string
	ExternalID      string        // what another account's role asks for; "" for none
	SessionName     string        // in the logs of AWS; "" for "tidegate"
	SessionDuration time.Duration // 15 minutes to 12 hours, as far as the role allows it; 0 for one hour

	// STSEndpoint is where the role is assumed; "" for AWS's own in the bucket's region, or for
	// Options.Endpoint where the bucket is not on AWS: MinIO answers at the same address.
	STSEndpoint string

	// UserCredentials gives each user a session of the role that can reach only the user's
	// prefixes, and the state that Tidegate keeps: the store itself holds users apart. See Scope.
	UserCredentials bool
}

func (r Role) validate(bad func(field, expected string)) {
	if r.ARN == "" {
		if r != (Role{}) {
			bad("role_arn", "a role for the other settings of one")
		}
		return
	}
	if !strings.HasPrefix(r.ARN, "arn:") {
		bad("role_arn", fmt.Sprintf("the ARN of a role, not %q", r.ARN))
	}
	if r.SessionName != "" && (sessionName(r.SessionName) != r.SessionName || len(r.SessionName) > maxSessionName/2) {
		bad("role_session_name", fmt.Sprintf("2 to %d letters, digits or any of +=,.@_-, not %q", maxSessionName/2, r.SessionName))
	}
	if d := r.SessionDuration; d != 0 && (d < minSession || d > maxSession) {
		bad("session_duration", fmt.Sprintf("%v to %v, not %v", minSession, maxSession, d))
	}
	if r.STSEndpoint != "" && !validEndpoint(r.STSEndpoint) {
		bad("sts_endpoint", "http://host or https://host")
	}
}

// sessionName returns the Role's name for sessions.
func (r Role) sessionName() string {
	if r.SessionName == "" {
		return defaultSessionName
	}
	return r.SessionName
}

// assume returns the credentials of a session of the role, which are asked for when they are
// first needed. A policy of "" leaves it all that the role may do.
func (c *connection) assume(r Role, name, policy string) aws.CredentialsProvider {
	provider := stscreds.NewAssumeRoleProvider(c.sts, r.ARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = name
		o.ExternalID = optional(r.ExternalID)
		o.Policy = optional(policy)
		o.Duration = r.SessionDuration
		if o.Duration == 0 {
			o.Duration = defaultSession
		}
	})
	return aws.NewCredentialsCache(roleProvider{provider}, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore })
}

// newSTS returns the client that roles are assumed with.
func newSTS(cfg aws.Config, opts Options) *sts.Client {
	return sts.NewFromConfig(cfg, func(o *sts.Options) {
		switch {
		case opts.Role.STSEndpoint != "":
			o.BaseEndpoint = &opts.Role.STSEndpoint
		case !opts.aws():
			o.BaseEndpoint = &opts.Endpoint
		}
	})
}

// roleProvider marks the STS's refusals, which are the operator's matter: the store has not even
// been asked.
type roleProvider struct{ *stscreds.AssumeRoleProvider }

func (p roleProvider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := p.AssumeRoleProvider.Retrieve(ctx)
	if err != nil {
		return c, &roleError{err}
	}
	return c, nil
}

// roleError is a role that cannot be assumed now.
type roleError struct{ err error }

func (e *roleError) Error() string { return e.err.Error() }
func (e *roleError) Unwrap() error { return e.err }
