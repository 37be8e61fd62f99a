package s3store

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptionsAreChecked(t *testing.T) {
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
		"an unknown checksum":  {func(o *Options) { o.Checksum = "md5" }, "checksum"},
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
