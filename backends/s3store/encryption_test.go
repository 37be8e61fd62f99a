package s3store

import (
	"bytes"
	"encoding/base64"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

// TestEncryption has MinIO encrypt by its own keys, and looks that no request was without it
// which makes an object.
func TestEncryption(t *testing.T) {
	for name, encryption := range map[string]Encryption{
		"S3":            {ServerSide: EncryptionS3},
		"KMS":           {ServerSide: EncryptionKMS, KMSKeyID: minio.KMSKey},
		"default of it": {ServerSide: EncryptionKMS},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := newProxy(t)
			p.enforce(t)
			d := p.open(t, func(o *Options, _ *tuning) { o.Encryption = encryption })
			useAll(t, d, func(key string) {
				head, err := minio.Shared(t).Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: d.bucket(), Key: &key})
				require.NoError(t, err)
				require.EqualValues(t, encryption.ServerSide, head.ServerSideEncryption, key)
				if encryption.KMSKeyID != "" {
					require.Contains(t, aws.ToString(head.SSEKMSKeyId), encryption.KMSKeyID)
				}
			})
		})
	}
}

// TestCustomerKey is SSE-C, which MinIO only takes over TLS.
func TestCustomerKey(t *testing.T) {
	server := minio.StartTLS(t)
	t.Setenv("AWS_CA_BUNDLE", server.CAFile)
	bucket := server.Bucket(t)
	open := func(key string) *Driver {
		opts := optionsFor(server, bucket)
		opts.Encryption.CustomerKey = key
		d, err := New(t.Context(), opts)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		return d
	}
	d := open(base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef")))
	other := open(base64.StdEncoding.EncodeToString([]byte("another key, as long as the first")[:customerKeySize]))
	useAll(t, d, func(key string) {
		for _, stranger := range []*Driver{other, open("")} {
			_, _, err := stranger.ReadRange(t.Context(), key, "", 0, -1)
			require.Error(t, err, key)
			_, err = stranger.Stat(t.Context(), key)
			require.Error(t, err, key)
		}
	})
}

// useAll writes, reads, copies and continues objects, and calls check for each.
func useAll(t *testing.T, d *Driver, check func(key string)) {
	t.Helper()
	ctx := t.Context()
	big := bytes.Repeat([]byte("0123456789abcdef"), minPart/16)
	mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	verify := func(info backends.Info, key string, data []byte) {
		check(key)
		stat, err := d.Stat(ctx, key)
		require.NoError(t, err, key)
		require.Equal(t, stat.Version, info.Version, key)
		require.Equal(t, stat.Size, info.Size, key)
		page, err := d.ListPage(ctx, backends.ListOptions{Prefix: key, Max: 1})
		require.NoError(t, err)
		require.Equal(t, stat.Version, page.Entries[0].Version, key)
		require.Equal(t, stat.Size, page.Entries[0].Size, key)
		content, got, err := d.ReadRange(ctx, key, info.Version, 0, -1)
		require.NoError(t, err, key)
		require.Equal(t, stat.Version, got.Version)
		require.NoError(t, content.Close())
		require.True(t, bytes.Equal(data, read(t, d, key)), key)
	}

	small, err := d.Put(ctx, "put", body([]byte("data")), backends.WriteOptions{ModTime: mtime})
	require.NoError(t, err)
	verify(small, "put", []byte("data"))
	again, err := d.Put(ctx, "put", body([]byte("data")), backends.WriteOptions{IfVersion: small.Version})
	require.NoError(t, err)
	verify(again, "put", []byte("data"))

	u, err := d.StartUpload(ctx, "upload", backends.WriteOptions{})
	require.NoError(t, err)
	one, err := u.PutPart(ctx, 1, body(big))
	require.NoError(t, err)
	u, err = d.ResumeUpload(ctx, "upload", u.ID(), backends.WriteOptions{})
	require.NoError(t, err)
	parts, err := u.Parts(ctx)
	require.NoError(t, err)
	require.Equal(t, []backends.Part{one}, parts, "its sum can be combined with those of others")
	two, err := u.PutPart(ctx, 2, body([]byte("tail")))
	require.NoError(t, err)
	large := append(bytes.Clone(big), "tail"...)
	info, err := u.Commit(ctx, []backends.Part{one, two}, whole(large))
	require.NoError(t, err)
	verify(info, "upload", large)

	u, err = d.StartUpload(ctx, "upload", backends.WriteOptions{Base: &info, BaseSize: info.Size, IfVersion: info.Version})
	require.NoError(t, err)
	part, err := u.PutPart(ctx, 1, body([]byte("more")))
	require.NoError(t, err)
	info, err = u.Commit(ctx, []backends.Part{part}, backends.CommitOptions{Size: info.Size + 4})
	require.NoError(t, err)
	verify(info, "upload", append(large, "more"...))

	for key, opts := range map[string]backends.WriteOptions{
		"copy": {}, "changed": {ModTime: mtime}, "in-parts": {IfAbsent: true},
	} {
		info, err := d.Copy(ctx, key, again, opts)
		require.NoError(t, err, key)
		verify(info, key, []byte("data"))
	}
	require.NoError(t, d.Delete(ctx, backends.Targets("put", "upload", "copy", "changed", "in-parts")))
}

// TestEveryRequestIsDressed goes through all kinds of requests, and looks at what they carry.
func TestEveryRequestIsDressed(t *testing.T) {
	p, _ := newProxy(t)
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	const (
		makes   = 1 << iota // an object
		touches             // its bytes
		takes               // another's
		free                // not of requester pays
	)
	d := p.open(t, func(o *Options, _ *tuning) {
		o.StorageClass, o.ACL, o.RequestPayer = "STANDARD_IA", "bucket-owner-full-control", true
		o.Encryption = Encryption{ServerSide: EncryptionKMS, KMSKeyID: "arn:key", BucketKey: true}
	})
	// The store's part is played: no store takes all of this together, and a key only over TLS.
	d.opts.Encryption.CustomerKey = key
	dressed := d.opts
	conn := *d.connection
	conn.opts = dressed
	d.client = conn.client(conn.cfg.Credentials)
	d.owner = d.client
	p.serve = func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("ETag", `"e"`)
		w.Header().Set("Last-Modified", time.Unix(1, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("X-Amz-Tagging-Count", "1")
		w.Header().Set("X-Amz-Storage-Class", "STANDARD_IA")
		if r.Method == http.MethodHead {
			w.Header().Set("Content-Length", "4")
			return
		}
		w.Header().Set("Content-Type", "application/xml")
		_, _ = w.Write([]byte(`<Result><UploadId>U</UploadId><ETag>"e"</ETag></Result>`))
	}
	ctx := t.Context()
	src := put(t, d, "a", []byte("data"))
	_, err := d.Copy(ctx, "b", src, backends.WriteOptions{})
	require.NoError(t, err)
	_, err = d.Copy(ctx, "b", src, backends.WriteOptions{IfAbsent: true, ModTime: time.Unix(1, 0)})
	require.NoError(t, err)
	u, err := d.StartUpload(ctx, "a", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.PutPart(ctx, 1, body([]byte("data")))
	require.NoError(t, err)
	_, err = u.Parts(ctx)
	require.NoError(t, err)
	require.NoError(t, u.Abort(ctx))
	_, err = d.ListPage(ctx, backends.ListOptions{})
	require.NoError(t, err)
	_, err = u.(*upload).orphans(ctx) //nolint:forcetypeassert // it is this package's
	require.NoError(t, err)
	_, err = d.Stat(ctx, "a")
	require.NoError(t, err)
	require.NoError(t, readAll(d.ReadRange(ctx, "a", "", 0, -1)))
	require.NoError(t, d.Delete(ctx, backends.Targets("a")))
	require.NoError(t, d.Delete(ctx, backends.Targets("a", "b")))
	require.NoError(t, d.Check(ctx))

	kinds := map[string]int{
		"PUT /a": makes | touches, "PUT /b": makes | touches | takes,
		"POST /b?uploads": makes | touches, "PUT /b?partNumber=1&uploadId=U": touches | takes, "POST /b?uploadId=U": touches,
		"POST /a?uploads": makes | touches, "PUT /a?partNumber=1&uploadId=U": touches, "GET /a?max-parts=1000&uploadId=U": touches,
		"DELETE /a?uploadId=U": 0, "HEAD /a": touches, "GET /a": touches, "GET /a?tagging": 0, "DELETE /a": 0, "POST ?delete": 0,
		"GET ?delimiter=/&encoding-type=url&list-type=2&max-keys=1000": 0, "GET ?encoding-type=url&prefix=a&uploads": 0, "HEAD ": free,
	}
	made := map[string]string{
		"X-Amz-Acl": "bucket-owner-full-control", "X-Amz-Storage-Class": "STANDARD_IA", "X-Amz-Server-Side-Encryption": EncryptionKMS,
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "arn:key", "X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true",
	}
	customer := map[string]string{"-Algorithm": "AES256", "-Key": key, "-Key-Md5": *d.opts.Encryption.customerKey().md5}
	left := maps.Clone(kinds)
	for _, r := range p.seen() {
		kind, ok := kinds[r.line]
		require.True(t, ok, r.line)
		delete(left, r.line)
		has := func(name, value string, want bool) {
			t.Helper()
			if !want {
				value = ""
			}
			require.Equal(t, value, r.header.Get(name), "%s of %s", name, r.line)
		}
		has("X-Amz-Request-Payer", "requester", kind&free == 0)
		for name, value := range made {
			has(name, value, kind&makes != 0)
		}
		for name, value := range customer {
			has("X-Amz-Server-Side-Encryption-Customer"+name, value, kind&touches != 0)
			has("X-Amz-Copy-Source-Server-Side-Encryption-Customer"+name, value, kind&takes != 0)
		}
	}
	require.Empty(t, left, "kinds of requests that were not made")
}

func TestSecretsAreNotSaid(t *testing.T) {
	_, err := New(t.Context(), Options{Bucket: "drop", Endpoint: "http://127.0.0.1:1", Encryption: Encryption{CustomerKey: "hidden"}})
	require.ErrorContains(t, err, "customer_key: expected 32 bytes")
	require.ErrorContains(t, err, "https")
	require.NotContains(t, err.Error(), "hidden")
}
