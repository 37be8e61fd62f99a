package s3store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

const (
	// maxPolicy is the most characters of a session policy.
	maxPolicy = 2048
	// maxSessionName is the most characters of a session's name.
	maxSessionName = 64
	// maxScopes bounds the credentials that are kept: some kilobytes for each user. Of one who
	// is dropped they are asked for again at the next login.
	maxScopes = 10_000
)

var _ backends.Scoper = (*Driver)(nil)

// Scope implements backends.Scoper. Without Role.UserCredentials it returns d itself. The
// credentials are asked for by the first request, and shared by all sessions of the same scope.
// ErrInvalid if its prefixes are too many for a session policy.
//
// A prefix with a "*", "?" or "$" is written with policy variables, so that it cannot stand for
// another's.
func (d *Driver) Scope(scope backends.Scope) (backends.Driver, error) {
	if !d.opts.Role.UserCredentials {
		return d, nil
	}
	policy, err := d.sessionPolicy(scope.Prefixes)
	if err != nil {
		return nil, backends.NewError("scope", scope.User, backends.ErrInvalid, err)
	}
	return d.scopes.get(scope.User+"\x00"+policy, func() *Driver {
		name := sessionName(d.opts.Role.sessionName() + "-" + scope.User)
		scoped := *d
		scoped.client = d.connection.client(d.connection.assume(d.opts.Role, name, policy))
		scoped.opts.Role.UserCredentials = false // its own scope is as narrow as can be
		scoped.scoped = true
		return &scoped
	}), nil
}

// scopes are the drivers made by Scope.
type scopes struct {
	mu      sync.Mutex
	drivers map[string]*Driver
}

func (s *scopes) get(name string, newDriver func() *Driver) *Driver {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d, ok := s.drivers[name]; ok {
		return d
	}
	if s.drivers == nil {
		s.drivers = make(map[string]*Driver)
	}
	for other := range s.drivers {
		if len(s.drivers) < maxScopes {
			break
		}
		delete(s.drivers, other)
	}
	d := newDriver()
	s.drivers[name] = d
	return d
}

// statement and policy are in the language of IAM.
type statement struct {
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

type policy struct {
	Version   string
	Statement []statement
}

// sessionPolicy allows what the driver does below prefixes and backends.StatePrefix. AWS gives a
// session what both this and the role allow.
func (d *Driver) sessionPolicy(prefixes []string) (string, error) {
	var listed, objects []string
	bucket := d.arn()
	for _, prefix := range append(slices.Clone(prefixes), backends.StatePrefix) {
		pattern := policyText.Replace(prefix) + "*"
		listed, objects = append(listed, pattern), append(objects, bucket+"/"+pattern)
	}
	actions := []string{"s3:GetObject", "s3:GetObjectTagging", "s3:PutObject", "s3:PutObjectTagging",
		"s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"}
	if d.opts.ACL != "" {
		actions = append(actions, "s3:PutObjectAcl") // MinIO refuses a policy with a word it does not know
	}
	p := policy{Version: "2012-10-17", Statement: []statement{{
		Effect:    "Allow",
		Action:    []string{"s3:ListBucket"}, // of uploads there is no listing below a prefix: see orphans
		Resource:  []string{bucket},
		Condition: map[string]map[string][]string{"StringLike": {"s3:prefix": listed}},
	}, {
		Effect:   "Allow",
		Action:   actions,
		Resource: objects,
	}}}
	if d.opts.aws() {
		// Even where the driver asks for no encryption, the bucket may be set up for it.
		p.Statement = append(p.Statement, statement{Effect: "Allow", Action: []string{"kms:Decrypt", "kms:GenerateDataKey"}, Resource: []string{"*"}})
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	if len(text) > maxPolicy {
		return "", fmt.Errorf("the policy for %d prefixes has %d characters, a session takes %d: fewer or shorter prefixes, or no user_credentials", len(prefixes), len(text), maxPolicy)
	}
	return string(text), nil
}

// policyText writes what has a meaning in patterns as the variables that stand for it.
var policyText = strings.NewReplacer("*", "${*}", "?", "${?}", "$", "${$}")

// arn names the bucket in a policy, in the partition of its region.
func (d *Driver) arn() string {
	partition := "aws"
	switch {
	case strings.HasPrefix(d.opts.Region, "cn-"):
		partition = "aws-cn"
	case strings.HasPrefix(d.opts.Region, "us-gov-"):
		partition = "aws-us-gov"
	}
	return "arn:" + partition + ":s3:::" + d.opts.Bucket
}

// sessionName makes a name that the STS takes: of its characters, and not too long. One that
// had to be changed ends in a hash, so that no two users share it.
func sessionName(name string) string {
	legal := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+=,.@_-", r) {
			return r
		}
		return '-'
	}, name)
	if legal == name && len(name) >= 2 && len(name) <= maxSessionName {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	hash := "-" + hex.EncodeToString(sum[:4])
	return legal[:min(len(legal), maxSessionName-len(hash))] + hash
}
