package config

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

func (c *Config) validateStores(p *problems) {
	if len(c.Stores) == 0 {
		p.add("stores", "missing, expected at least one")
	}
	var names []string
	for i, s := range c.Stores {
		at := element("stores", i)
		if s.Name != "" && slices.Contains(names, s.Name) {
			p.add(join(at, "name"), "got %q, which is the name of another store", s.Name)
		}
		names = append(names, s.Name)
		switch s.Type {
		case StoreS3:
			s.validateBucket(p, at)
			s.validateS3(p, at)
			s.validateRole(p, at)
		case StoreGCS:
			s.validateBucket(p, at)
			s.validateGCS(p, at)
		case StoreAzure:
			s.validateAzure(p, at)
		case StoreLocal:
			if s.Path == "" {
				p.add(join(at, "path"), "missing, expected a directory")
			}
		}
		s.validateCustomerKey(p, at)
		s.validateACL(p, at)
		validateClass(p, at, s, s.StorageClass)
		validateMetadata(p, at, s.Metadata)
		validateTags(p, at, s, s.Tags)
	}
}

// bucketName is wider than today's rules of AWS: us-east-1 and other vendors have older ones.
var bucketName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$`)

func (s *Store) validateBucket(p *problems, at string) {
	if s.Bucket == "" {
		p.add(join(at, "bucket"), "missing, expected the name of a bucket")
	} else if !bucketName.MatchString(s.Bucket) {
		p.add(join(at, "bucket"), "got %q, expected the plain name of a bucket: 2 to 255 letters, digits, dots, - and _", s.Bucket)
	}
}

func (s *Store) validateS3(p *problems, at string) {
	access, secret := p.given(at, "access_key", s.AccessKey), p.given(at, "secret_key", s.SecretKey)
	if access && !secret {
		p.add(join(at, "secret_key"), "missing, expected as access_key is given")
	}
	if secret && !access {
		p.add(join(at, "access_key"), "missing, expected as secret_key is given")
	}
	if s.SessionToken != "" && !access {
		p.add(join(at, "access_key"), "missing, expected as session_token is given")
	}
	if s.KMSKeyID != "" && !strings.HasPrefix(s.ServerSideEncryption, "aws:kms") {
		p.add(join(at, "kms_key_id"), "given without server_side_encryption aws:kms or aws:kms:dsse")
	}
	if s.BucketKey && s.ServerSideEncryption != "aws:kms" {
		p.add(join(at, "bucket_key"), "given without server_side_encryption aws:kms")
	}
	if s.CustomerKey != "" && s.ServerSideEncryption != "" {
		p.add(join(at, "customer_key"), "given together with server_side_encryption, expected one of them")
	}
}

func (s *Store) validateRole(p *problems, at string) {
	if s.RoleARN != "" {
		if !strings.HasPrefix(s.RoleARN, "arn:") {
			p.add(join(at, "role_arn"), "got %q, expected the ARN of a role such as arn:aws:iam::123456789012:role/name", s.RoleARN)
		}
		return
	}
	for _, f := range []struct {
		key   string
		given bool
	}{
		{"external_id", s.ExternalID != ""},
		{"role_session_name", s.RoleSessionName != ""},
		{"session_duration", s.SessionDuration != 0},
		{"sts_endpoint", s.STSEndpoint != ""},
		{"user_credentials", s.UserCredentials},
	} {
		if f.given {
			p.add(join(at, "role_arn"), "missing, expected as %s is given", f.key)
		}
	}
}

var (
	kmsKeyName     = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)
	serviceAccount = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	projectID      = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]*$`)
)

func (s *Store) validateGCS(p *problems, at string) {
	if s.Credentials != "" && !isCredentials(s.Credentials) {
		p.add(join(at, "credentials"), "expected the JSON of a service account's key or of other credentials that gcloud writes")
	}
	if s.Impersonate != "" && !serviceAccount.MatchString(s.Impersonate) {
		p.add(join(at, "impersonate"), "got %q, expected the e-mail address of a service account", s.Impersonate)
	}
	if u, err := url.Parse(string(s.Endpoint)); err == nil && strings.Trim(u.Path, "/") != "" {
		p.add(join(at, "endpoint"), "got %q, expected a URL without a path", s.Endpoint)
	}
	if s.KMSKey != "" && !kmsKeyName.MatchString(s.KMSKey) {
		p.add(join(at, "kms_key"), "got %q, expected projects/P/locations/L/keyRings/R/cryptoKeys/K", s.KMSKey)
	}
	if s.KMSKey != "" && s.CustomerKey != "" {
		p.add(join(at, "customer_key"), "given together with kms_key, expected one of them")
	}
	if s.UserProject != "" && !projectID.MatchString(s.UserProject) {
		p.add(join(at, "user_project"), "got %q, expected the ID of a project", s.UserProject)
	}
}

// isCredentials reports whether text is a file of credentials: all say their type.
func isCredentials(text Secret) bool {
	var file struct {
		Type string `json:"type"`
	}
	return json.Unmarshal([]byte(text), &file) == nil && file.Type != ""
}

var (
	containerName = regexp.MustCompile(`^([a-z0-9](-?[a-z0-9]){2,62}|\$root|\$web)$`)
	accountName   = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	scopeName     = regexp.MustCompile(`^[A-Za-z0-9-]{3,63}$`)
)

func (s *Store) validateAzure(p *problems, at string) {
	switch {
	case s.Container == "":
		p.add(join(at, "container"), "missing, expected the name of a container")
	case !containerName.MatchString(s.Container):
		p.add(join(at, "container"), "got %q, expected the name of a container: 3 to 63 lower-case letters, digits and single -", s.Container)
	}
	if s.Account != "" && !accountName.MatchString(s.Account) {
		p.add(join(at, "account"), "got %q, expected the name of a storage account: 3 to 24 lower-case letters and digits", s.Account)
	}
	s.validateAzureAccess(p, at)
	if s.EncryptionScope != "" && !scopeName.MatchString(s.EncryptionScope) {
		p.add(join(at, "encryption_scope"), "got %q, expected the name of an encryption scope", s.EncryptionScope)
	}
	if s.EncryptionScope != "" && s.CustomerKey != "" {
		p.add(join(at, "customer_key"), "given together with encryption_scope, expected one of them")
	}
}

// validateAzureAccess wants one way in, and one place that says where.
func (s *Store) validateAzureAccess(p *problems, at string) {
	way := ""
	for _, f := range []struct {
		key   string
		value Secret
	}{
		{"account_key", s.AccountKey}, {"sas_token", s.SASToken}, {"connection_string", s.ConnectionString},
	} {
		if !p.given(at, f.key, f.value) {
			continue
		}
		if way != "" {
			p.add(join(at, f.key), "given together with %s, expected one of them", way)
		}
		way = f.key
	}
	if way == "connection_string" {
		if s.Account != "" {
			p.add(join(at, "account"), "given together with connection_string, which says it")
		}
		if s.Endpoint != "" {
			p.add(join(at, "endpoint"), "given together with connection_string, which says it")
		}
	} else if s.Account == "" && (s.Endpoint == "" || way == "account_key") && !p.has(join(at, "endpoint")) {
		p.add(join(at, "account"), "missing, expected the name of a storage account")
	}
	if way != "" && s.ClientID != "" {
		p.add(join(at, "client_id"), "given together with %s, which says who it is", way)
	}
	if way != "" && s.TenantID != "" {
		p.add(join(at, "tenant_id"), "given together with %s, which says who it is", way)
	}
	if _, err := base64.StdEncoding.DecodeString(string(s.AccountKey)); err != nil {
		p.add(join(at, "account_key"), "expected a key in base64, as the portal shows it")
	}
	if query, err := url.ParseQuery(strings.TrimPrefix(string(s.SASToken), "?")); s.SASToken != "" && (err != nil || !query.Has("sig")) {
		p.add(join(at, "sas_token"), "expected a shared access signature such as sv=…&sig=…")
	}
}

// customerKeySize is that of AES-256, the only length there is.
const customerKeySize = 32

// validateCustomerKey does not tell the value, which is a secret.
func (s *Store) validateCustomerKey(p *problems, at string) {
	if s.CustomerKey == "" {
		return
	}
	if key, err := base64.StdEncoding.DecodeString(string(s.CustomerKey)); err != nil || len(key) != customerKeySize {
		p.add(join(at, "customer_key"), "expected %d bytes in base64", customerKeySize)
	}
	if strings.HasPrefix(string(s.Endpoint), "http:") {
		p.add(join(at, "customer_key"), "given with an endpoint without https, where it could be read on the way")
	}
}

// accessLists are the vendors' words for them.
var accessLists = map[StoreType][]string{
	StoreS3: {
		"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
		"bucket-owner-full-control",
	},
	StoreGCS: {"authenticatedRead", "bucketOwnerFullControl", "bucketOwnerRead", "private", "projectPrivate", "publicRead"},
}

func (s *Store) validateACL(p *problems, at string) {
	if s.ACL != "" && !slices.Contains(accessLists[s.Type], s.ACL) {
		p.add(join(at, "acl"), "got %q, expected one of %s", s.ACL, strings.Join(accessLists[s.Type], ", "))
	}
}
