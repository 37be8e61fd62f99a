package s3store

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOptionsAreChecked(t *testing.T) {
	customerKey := base64.StdEncoding.EncodeToString([]byte("hidden, as long as a key shall be")[:customerKeySize])
	directory := func(o *Options) *Options {
		o.Endpoint, o.Bucket = "", "drop--use1-az4--x-s3"
		return o
	}
	good := Options{Bucket: "drop", Endpoint: "http://127.0.0.1:9000"}
	for name, c := range map[string]struct {
		change func(*Options)
		says   string // "" for good
	}{
		"good":                 {func(*Options) {}, ""},
		"https":                {func(o *Options) { o.Endpoint = "https://s3.example.net" }, ""},
		"a path":               {func(o *Options) { o.Endpoint = "https://example.net/storage/s3" }, ""},
		"keys":                 {func(o *Options) { o.AccessKey, o.SecretKey, o.SessionToken = "a", "b", "c" }, ""},
		"sha256":               {func(o *Options) { o.Checksum = ChecksumSHA256 }, ""},
		"no bucket":            {func(o *Options) { o.Bucket = "" }, "bucket"},
		"a bucket and a path":  {func(o *Options) { o.Bucket = "drop/in" }, "bucket"},
		"no scheme":            {func(o *Options) { o.Endpoint = "127.0.0.1:9000" }, "endpoint"},
		"another scheme":       {func(o *Options) { o.Endpoint = "s3://drop" }, "endpoint"},
		"no host":              {func(o *Options) { o.Endpoint = "http://:9000" }, "endpoint"},
		"a password":           {func(o *Options) { o.Endpoint = "http://user:hidden@host" }, "endpoint"},
		"a query":              {func(o *Options) { o.Endpoint = "http://host?x=y" }, "endpoint"},
		"half a pair of keys":  {func(o *Options) { o.AccessKey = "a" }, "access_key and secret_key"},
		"the other half":       {func(o *Options) { o.SecretKey = "hidden" }, "access_key and secret_key"},
		"a token without keys": {func(o *Options) { o.SessionToken = "hidden" }, "session_token"},
		"a role": {func(o *Options) {
			o.Role = Role{ARN: "arn:aws:iam::1:role/x", SessionName: "a.b", SessionDuration: time.Hour, UserCredentials: true}
		}, ""},
		"users without a role": {func(o *Options) { o.Role.UserCredentials = true }, "role_arn"},
		"a role's bare name":   {func(o *Options) { o.Role.ARN = "gateway" }, "role_arn"},
		"a session's bad name": {func(o *Options) { o.Role = Role{ARN: "arn:x", SessionName: "a b"} }, "role_session_name"},
		"a long session name":  {func(o *Options) { o.Role = Role{ARN: "arn:x", SessionName: strings.Repeat("n", 33)} }, "role_session_name"},
		"a short session":      {func(o *Options) { o.Role = Role{ARN: "arn:x", SessionDuration: time.Minute} }, "session_duration"},
		"an STS without http":  {func(o *Options) { o.Role = Role{ARN: "arn:x", STSEndpoint: "sts"} }, "sts_endpoint"},
		"SSE-S3":               {func(o *Options) { o.Encryption.ServerSide = EncryptionS3 }, ""},
		"SSE-KMS":              {func(o *Options) { o.Encryption = Encryption{ServerSide: EncryptionKMS, KMSKeyID: "k", BucketKey: true} }, ""},
		"DSSE-KMS":             {func(o *Options) { o.Encryption = Encryption{ServerSide: EncryptionKMSDSSE, KMSKeyID: "k"} }, ""},
		"SSE-C":                {func(o *Options) { o.Endpoint, o.Encryption.CustomerKey = "https://host", customerKey }, ""},
		"unknown encryption":   {func(o *Options) { o.Encryption.ServerSide = "rot13" }, "encryption"},
		"a key for SSE-S3":     {func(o *Options) { o.Encryption = Encryption{ServerSide: EncryptionS3, KMSKeyID: "k"} }, "kms_key_id"},
		"a bucket key alone":   {func(o *Options) { o.Encryption.BucketKey = true }, "bucket_key"},
		"a bucket key twice":   {func(o *Options) { o.Encryption = Encryption{ServerSide: EncryptionKMSDSSE, BucketKey: true} }, "bucket_key"},
		"SSE-C in the clear":   {func(o *Options) { o.Encryption.CustomerKey = customerKey }, "customer_key"},
		"SSE-C, short":         {func(o *Options) { o.Endpoint, o.Encryption.CustomerKey = "https://host", "aGlkZGVu" }, "customer_key"},
		"SSE-C and SSE-S3": {func(o *Options) {
			o.Endpoint, o.Encryption = "https://host", Encryption{ServerSide: EncryptionS3, CustomerKey: customerKey}
		}, "customer_key"},
		"a directory bucket":              {func(o *Options) { directory(o) }, ""},
		"a directory bucket's KMS":        {func(o *Options) { directory(o).Encryption.ServerSide = EncryptionKMS }, ""},
		"a directory bucket's DSSE":       {func(o *Options) { directory(o).Encryption.ServerSide = EncryptionKMSDSSE }, "encryption"},
		"a directory bucket's SSE-C":      {func(o *Options) { directory(o).Encryption.CustomerKey = customerKey }, "customer_key"},
		"a directory bucket's class":      {func(o *Options) { directory(o).StorageClass = "STANDARD" }, "storage_class"},
		"a directory bucket's ACL":        {func(o *Options) { directory(o).ACL = "private" }, "acl"},
		"a directory bucket's payer":      {func(o *Options) { directory(o).RequestPayer = true }, "request_payer"},
		"a directory bucket's users":      {func(o *Options) { directory(o).Role = Role{ARN: "arn:x", UserCredentials: true} }, "user_credentials"},
		"elsewhere the name says nothing": {func(o *Options) { o.Bucket, o.ACL = "drop--use1-az4--x-s3", "private" }, ""},
		"an ACL":                          {func(o *Options) { o.ACL = "bucket-owner-full-control" }, ""},
		"an unknown ACL":                  {func(o *Options) { o.ACL = "everybody" }, "acl"},
		"an unknown checksum":             {func(o *Options) { o.Checksum = "md5" }, "checksum"},
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
			require.NotContains(t, err.Error(), customerKey)
		})
	}
}

func TestAllThatIsWrongIsSaid(t *testing.T) {
	_, err := New(t.Context(), Options{Endpoint: "ftp://host", AccessKey: "a", Checksum: "md5"})
	for _, field := range []string{"bucket", "endpoint", "access_key", "checksum"} {
		require.ErrorContains(t, err, field)
	}
}

func TestRegion(t *testing.T) {
	t.Setenv("AWS_CONFIG_FILE", t.TempDir()+"/none")
	t.Setenv("AWS_REGION", "")
	d, err := New(t.Context(), Options{Bucket: "drop", Endpoint: "http://127.0.0.1:9000"})
	require.NoError(t, err)
	require.Equal(t, "us-east-1", d.opts.Region)
	_, limits := d.Describe()
	require.Equal(t, int64(maxObjectElsewhere), limits.MaxObject)

	_, err = New(t.Context(), Options{Bucket: "drop"})
	require.ErrorContains(t, err, "region: expected")

	t.Setenv("AWS_REGION", "eu-north-1")
	d, err = New(t.Context(), Options{Bucket: "drop"})
	require.NoError(t, err)
	require.Equal(t, "eu-north-1", d.opts.Region)
	_, limits = d.Describe()
	require.Equal(t, int64(maxObject), limits.MaxObject)
}
