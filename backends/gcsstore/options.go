package gcsstore

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"

	"cloud.google.com/go/auth/credentials"
)

// Options says which bucket, as whom, and how objects are written. Only Bucket is needed where
// Google's tools find credentials: in GOOGLE_APPLICATION_CREDENTIALS, where "gcloud auth" leaves them, on
// Google's machines, and in a cluster with workload identity.
type Options struct {
	Bucket string

	// Endpoint is "http://host:port" of an emulator, or "https://…" of a private way to Google. "" is
	// STORAGE_EMULATOR_HOST, as Google's libraries read it, or else Google. Requests to an Endpoint
	// are anonymous, unless it is one of Google's, or credentials are given here.
	Endpoint string

	// CredentialsFile names a file of credentials of any type that gcloud writes: a service account's key, a
	// user's, workload identity federation. CredentialsJSON is what is in one. One of them at most.
	CredentialsFile string
	CredentialsJSON string

	// Impersonate is the e-mail address of a service account, as which the credentials act.
	Impersonate string

	// KMSKey encrypts what is written: "projects/P/locations/L/keyRings/R/cryptoKeys/K". EncryptionKey does
	// so with a key of one's own, 32 bytes in base64, without which nobody reads the objects again.
	KMSKey        string
	EncryptionKey string

	StorageClass string // of what is written, "NEARLINE"; "" for the bucket's own
	ACL          string // a predefined access list, "bucketOwnerFullControl"; "" for the bucket's own
	UserProject  string // the project that pays for requests, for buckets whose requester pays
}

var (
	validBucket  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`)
	validKMSKey  = regexp.MustCompile(`^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$`)
	validAccount = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	validProject = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]*$`)
)

// The vendor's words.
var (
	storageClasses = []string{"STANDARD", "NEARLINE", "COLDLINE", "ARCHIVE", "MULTI_REGIONAL", "REGIONAL", "DURABLE_REDUCED_AVAILABILITY"}
	predefinedACLs = []string{"authenticatedRead", "bucketOwnerFullControl", "bucketOwnerRead", "private", "projectPrivate", "publicRead"}
	fileTypes      = []credentials.CredType{
		credentials.ServiceAccount, credentials.AuthorizedUser, credentials.ExternalAccount, credentials.ExternalAccountAuthorizedUser,
		credentials.ImpersonatedServiceAccount,
	}
)

// validate repeats no value that is a secret, or that one may be put into by mistake.
func (o Options) validate() error {
	var errs []error
	expect := func(good bool, field, expected string) {
		if !good {
			errs = append(errs, fmt.Errorf("%s: expected %s", field, expected))
		}
	}
	expect(validBucket.MatchString(o.Bucket), "bucket", fmt.Sprintf("the name of a bucket, not %q", o.Bucket))
	expect(validEndpoint(o.endpoint()), "endpoint", "http://host or https://host, with a port if it is not the usual one, and nothing behind it")
	expect(o.CredentialsFile == "" || o.CredentialsJSON == "", "credentials_file and credentials_json", "one of them at most")
	if o.CredentialsJSON != "" {
		_, err := fileType([]byte(o.CredentialsJSON))
		expect(err == nil, "credentials_json", "the JSON of a service account's key or of other credentials that gcloud writes")
	}
	if o.CredentialsFile != "" {
		data, err := os.ReadFile(o.CredentialsFile)
		if err == nil {
			_, err = fileType(data)
		}
		expect(err == nil, "credentials_file", fmt.Sprintf("a file of credentials that can be read: %v", err))
	}
	expect(o.Impersonate == "" || validAccount.MatchString(o.Impersonate), "impersonate", fmt.Sprintf("the e-mail address of a service account, not %q", o.Impersonate))
	expect(o.KMSKey == "" || validKMSKey.MatchString(o.KMSKey), "kms_key", fmt.Sprintf("projects/P/locations/L/keyRings/R/cryptoKeys/K, not %q", o.KMSKey))
	expect(o.EncryptionKey == "" || o.encryption() != nil, "encryption_key", "32 bytes in base64")
	expect(o.KMSKey == "" || o.EncryptionKey == "", "kms_key and encryption_key", "one of them at most")
	expect(o.StorageClass == "" || slices.Contains(storageClasses, o.StorageClass), "storage_class",
		fmt.Sprintf("one of %s, not %q", strings.Join(storageClasses, ", "), o.StorageClass))
	expect(o.ACL == "" || slices.Contains(predefinedACLs, o.ACL), "acl", fmt.Sprintf("one of %s, not %q", strings.Join(predefinedACLs, ", "), o.ACL))
	expect(o.UserProject == "" || validProject.MatchString(o.UserProject), "user_project", fmt.Sprintf("the ID of a project, not %q", o.UserProject))
	return errors.Join(errs...)
}

// endpoint is where requests go, "" for Google.
func (o Options) endpoint() string {
	endpoint := o.Endpoint
	if endpoint == "" {
		endpoint = os.Getenv("STORAGE_EMULATOR_HOST")
		if endpoint != "" && !strings.Contains(endpoint, "://") {
			endpoint = "http://" + endpoint
		}
	}
	return strings.TrimSuffix(endpoint, "/")
}

func validEndpoint(endpoint string) bool {
	if endpoint == "" {
		return true
	}
	u, err := url.Parse(endpoint)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == ""
}

// google reports whether requests go to the real service, over the internet or a private way.
func (o Options) google() bool {
	if o.Endpoint == "" {
		return true
	}
	u, err := url.Parse(o.Endpoint)
	return err == nil && u.Scheme == "https" && strings.HasSuffix("."+u.Hostname(), ".googleapis.com")
}

// anonymous reports whether requests are sent without credentials.
func (o Options) anonymous() bool {
	return !o.google() && o.CredentialsFile == "" && o.CredentialsJSON == "" && o.Impersonate == ""
}

// encryption returns the bytes of EncryptionKey, nil if it is none.
func (o Options) encryption() []byte {
	key, err := base64.StdEncoding.DecodeString(o.EncryptionKey)
	if err != nil || len(key) != 32 {
		return nil
	}
	return key
}

// fileType returns which credentials a file holds. Its errors do not repeat what is in it.
func fileType(data []byte) (credentials.CredType, error) {
	var file struct {
		Type credentials.CredType `json:"type"`
	}
	if json.Unmarshal(data, &file) != nil || !slices.Contains(fileTypes, file.Type) {
		return "", errors.New("no credentials of a known type")
	}
	return file.Type, nil
}

// place names the bucket for an operator.
func (o Options) place() string {
	at := o.Endpoint
	if at == "" {
		at = "Google Cloud Storage"
	}
	return fmt.Sprintf("bucket %q at %s", o.Bucket, at)
}
