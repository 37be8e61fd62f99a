package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/minio"
)

// bucket is a bucket of the real MinIO, seen directly.
type bucket struct {
	t      *testing.T
	server *minio.Server
	client *s3.Client
	name   string
}

// newBucket makes an empty bucket for the test.
func newBucket(t *testing.T) *bucket {
	t.Helper()
	return newBucketOn(t, minio.Shared(t))
}

func newBucketOn(t *testing.T, server *minio.Server) *bucket {
	t.Helper()
	return &bucket{t: t, server: server, name: server.Bucket(t), client: server.Client()}
}

// settings points a gateway at the bucket.
func (b *bucket) settings() settings {
	return settings{Endpoint: b.server.Endpoint, Bucket: b.name, AccessKey: b.server.AccessKey, SecretKey: b.server.SecretKey}
}

// keys lists every key of the bucket with the size of its object.
func (b *bucket) keys() map[string]int64 {
	b.t.Helper()
	keys := make(map[string]int64)
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(b.t.Context())
		require.NoError(b.t, err)
		for _, object := range page.Contents {
			keys[*object.Key] = *object.Size
		}
	}
	return keys
}

// sum returns the SHA-256 of an object.
func (b *bucket) sum(key string) string {
	b.t.Helper()
	object, err := b.client.GetObject(b.t.Context(), &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	require.NoError(b.t, err)
	defer object.Body.Close()
	return sumOf(b.t, object.Body)
}

// openUploads counts the unfinished multipart uploads of a key: MinIO lists them by exact key only.
func (b *bucket) openUploads(key string) int {
	b.t.Helper()
	list, err := b.client.ListMultipartUploads(b.t.Context(), &s3.ListMultipartUploadsInput{Bucket: &b.name, Prefix: &key})
	require.NoError(b.t, err)
	return len(list.Uploads)
}

// recorder passes requests to the store and keeps a list of them.
type recorder struct {
	mu       sync.Mutex
	requests []string
}

// record puts a recorder between a gateway with the returned settings and the store.
func (b *bucket) record() (*recorder, settings) {
	b.t.Helper()
	target, err := url.Parse(b.server.Endpoint)
	require.NoError(b.t, err)
	rec := &recorder{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // it is signed
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec.mu.Lock()
		rec.requests = append(rec.requests, r.Method+" "+r.URL.Path)
		rec.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	b.t.Cleanup(front.Close)
	s := b.settings()
	s.Endpoint = front.URL
	return rec, s
}

// take returns the requests since the last take.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	taken := r.requests
	r.requests = nil
	return taken
}

func sumOf(t *testing.T, r io.Reader) string {
	t.Helper()
	h := sha256.New()
	_, err := io.Copy(h, r)
	require.NoError(t, err)
	return hex.EncodeToString(h.Sum(nil))
}

func sumOfFile(t *testing.T, file string) string {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	return sumOf(t, f)
}

// randomFile writes size bytes that do not repeat, the same for the same size, and returns the file.
func randomFile(t *testing.T, name string, size int64) string {
	t.Helper()
	var seed [32]byte
	copy(seed[:], name)
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8(seed), size)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return file
}
