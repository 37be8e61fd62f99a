package s3store

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

func TestCheckSaysWhatIsWrong(t *testing.T) {
	server := minio.Shared(t)
	bucket := server.Bucket(t)
	readOnly := server.Restricted(t, bucket, "s3:GetObject")
	for name, c := range map[string]struct {
		change func(*Options)
		kind   backends.Kind
		says   string
	}{
		"no such bucket":   {func(o *Options) { o.Bucket = "none-such" }, backends.ErrUnavailable, `bucket "none-such" at ` + server.Endpoint + `, region "us-east-1": there is no such bucket`},
		"unknown key":      {func(o *Options) { o.AccessKey = "somebody" }, backends.ErrUnavailable, "the access key is not known"},
		"wrong secret":     {func(o *Options) { o.SecretKey = "wrong-and-secret" }, backends.ErrUnavailable, "the secret key is not that of the access key"},
		"wrong region":     {func(o *Options) { o.Region = "eu-central-1" }, backends.ErrUnavailable, `the bucket is in region "us-east-1"`},
		"nobody listening": {func(o *Options) { o.Endpoint = "http://127.0.0.1:1" }, backends.ErrUnavailable, "it cannot be reached"},
		"not allowed": {func(o *Options) {
			o.AccessKey, o.SecretKey, o.SessionToken = readOnly.AccessKey, readOnly.SecretKey, readOnly.SessionToken
		}, backends.ErrPermission, "neither list the bucket nor write to it"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := optionsFor(server, bucket)
			c.change(&opts)
			d, err := New(t.Context(), opts)
			require.NoError(t, err)
			defer d.Close()
			err = d.Check(t.Context())
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), opts.SecretKey)
			if opts.SessionToken != "" {
				require.NotContains(t, err.Error(), opts.SessionToken)
			}
		})
	}
}

// TestWriteOnlyBucket is a drop box: what is put in can be neither listed nor looked at.
func TestWriteOnlyBucket(t *testing.T) {
	server := minio.Shared(t)
	bucket := server.Bucket(t)
	keys := server.Restricted(t, bucket, "s3:PutObject", "s3:AbortMultipartUpload")
	opts := optionsFor(server, bucket)
	opts.AccessKey, opts.SecretKey, opts.SessionToken = keys.AccessKey, keys.SecretKey, keys.SessionToken
	d, err := New(t.Context(), opts)
	require.NoError(t, err)
	defer d.Close()

	require.NoError(t, d.Check(t.Context()))
	_, err = d.Stat(t.Context(), "a")
	require.ErrorIs(t, err, backends.ErrPermission)
	put(t, d, "a", []byte("data"))
	u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{IfAbsent: true})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	u, err = d.StartUpload(t.Context(), "c", backends.WriteOptions{})
	require.NoError(t, err)
	require.NoError(t, u.Abort(t.Context()))

	found, uploads := left(t, server, bucket)
	require.Equal(t, []string{"a", "b"}, found)
	require.Empty(t, uploads)
}

// TestCheckOfABucketElsewhere imitates AWS, which answers a HEAD of a bucket in another region
// without a word but in a header.
func TestCheckOfABucketElsewhere(t *testing.T) {
	p, d := newProxy(t)
	p.spoil("HEAD ", 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("X-Amz-Bucket-Region", "eu-west-3")
		w.WriteHeader(http.StatusMovedPermanently)
	})
	err := d.Check(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorContains(t, err, `the bucket is in region "eu-west-3"`)
}

func TestCheckWithoutCredentials(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true") // not a machine of AWS
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", t.TempDir()+"/none")
	p, _ := newProxy(t)
	d := p.open(t, func(opts *Options, _ *tuning) { opts.AccessKey, opts.SecretKey = "", "" })
	err := d.Check(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorContains(t, err, "credentials")
	require.NotContains(t, err.Error(), "cannot be reached")
	require.Empty(t, p.seen())
}
