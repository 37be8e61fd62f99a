package gcsstore

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

const kmsKey = "projects/p/locations/eu/keyRings/r/cryptoKeys/k"

func TestOptionsAreChecked(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	good := Options{Bucket: "drop"}
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, c := range map[string]struct {
		change func(*Options)
		says   string // "" for good
	}{
		"good":                  {func(*Options) {}, ""},
		"an emulator":           {func(o *Options) { o.Endpoint = "http://127.0.0.1:4443" }, ""},
		"a slash at its end":    {func(o *Options) { o.Endpoint = "http://127.0.0.1:4443/" }, ""},
		"a private way":         {func(o *Options) { o.Endpoint = "https://storage-drop.p.googleapis.com" }, ""},
		"a domain":              {func(o *Options) { o.Bucket = "drop.example.com" }, ""},
		"a file":                {func(o *Options) { o.CredentialsFile = file("good", `{"type": "service_account"}`) }, ""},
		"credentials":           {func(o *Options) { o.CredentialsJSON = `{"type": "external_account"}` }, ""},
		"a user of workforces":  {func(o *Options) { o.CredentialsJSON = `{"type": "external_account_authorized_user"}` }, ""},
		"an account":            {func(o *Options) { o.Impersonate = "in@project.iam.gserviceaccount.com" }, ""},
		"a KMS key":             {func(o *Options) { o.KMSKey = kmsKey }, ""},
		"an own key":            {func(o *Options) { o.EncryptionKey = key }, ""},
		"a class and an ACL":    {func(o *Options) { o.StorageClass, o.ACL = "NEARLINE", "bucketOwnerFullControl" }, ""},
		"a project":             {func(o *Options) { o.UserProject = "example.com:payer-1" }, ""},
		"no bucket":             {func(o *Options) { o.Bucket = "" }, "bucket"},
		"a bucket as a URL":     {func(o *Options) { o.Bucket = "gs://drop" }, "bucket"},
		"no scheme":             {func(o *Options) { o.Endpoint = "127.0.0.1:4443" }, "endpoint"},
		"a password":            {func(o *Options) { o.Endpoint = "http://user:hidden@host" }, "endpoint"},
		"a path":                {func(o *Options) { o.Endpoint = "http://host/storage/v1" }, "endpoint"},
		"no such file":          {func(o *Options) { o.CredentialsFile = filepath.Join(dir, "none") }, "credentials_file"},
		"a file that is none":   {func(o *Options) { o.CredentialsFile = file("bad", "hidden") }, "credentials_file"},
		"JSON that is none":     {func(o *Options) { o.CredentialsJSON = `{"private_key": "hidden"` }, "credentials_json"},
		"JSON of another type":  {func(o *Options) { o.CredentialsJSON = `{"type": "hidden"}` }, "credentials_json"},
		"both":                  {func(o *Options) { o.CredentialsFile, o.CredentialsJSON = "x", `{"type": "service_account"}` }, "credentials_file and credentials_json"},
		"no account":            {func(o *Options) { o.Impersonate = "somebody" }, "impersonate"},
		"a short name of a key": {func(o *Options) { o.KMSKey = "k" }, "kms_key"},
		"a short key":           {func(o *Options) { o.EncryptionKey = "aGlkZGVu" }, "encryption_key"},
		"two keys":              {func(o *Options) { o.KMSKey, o.EncryptionKey = kmsKey, key }, "kms_key and encryption_key"},
		"an unknown class":      {func(o *Options) { o.StorageClass = "GLACIER" }, "storage_class"},
		"an unknown ACL":        {func(o *Options) { o.ACL = "public-read" }, "acl"},
		"no project":            {func(o *Options) { o.UserProject = "a b" }, "user_project"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := good
			c.change(&opts)
			err := opts.validate()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says+": expected")
			require.NotContains(t, err.Error(), "hidden")
			require.NotContains(t, err.Error(), "aGlkZGVu")
		})
	}
}

func TestAllThatIsWrongIsSaid(t *testing.T) {
	_, err := New(t.Context(), Options{Endpoint: "ftp://host", KMSKey: "k", ACL: "none"})
	for _, field := range []string{"bucket", "endpoint", "kms_key", "acl"} {
		require.ErrorContains(t, err, field)
	}
}

func TestWhereRequestsGo(t *testing.T) {
	for _, c := range []struct {
		opts              Options
		emulator          string
		google, anonymous bool
	}{
		{Options{}, "", true, false},
		{Options{Endpoint: "https://storage-drop.p.googleapis.com"}, "", true, false},
		{Options{Endpoint: "http://127.0.0.1:4443"}, "", false, true},
		{Options{Endpoint: "https://fake-googleapis.com"}, "", false, true},
		{Options{Endpoint: "http://127.0.0.1:4443", CredentialsJSON: `{"type": "service_account"}`}, "", false, false},
		{Options{}, "127.0.0.1:4443", false, true},
		{Options{}, "http://127.0.0.1:4443", false, true},
	} {
		t.Setenv("STORAGE_EMULATOR_HOST", c.emulator)
		c.opts.Bucket = "drop"
		d, err := New(t.Context(), c.opts)
		require.NoError(t, err)
		require.Equal(t, c.google, d.opts.google(), "%+v", c)
		require.Equal(t, c.anonymous, d.opts.anonymous(), "%+v", c)
		caps, _ := d.Describe()
		require.Equal(t, c.google, caps.Has(backends.CapMove), "%+v", c)
		require.NoError(t, d.Close())
	}
}
