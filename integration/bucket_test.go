package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
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
	file := filepath.Join(t.TempDir(), name)
	f, err := os.Create(file)
	require.NoError(t, err)
	_, err = io.CopyN(f, noiseOf(name), size)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return file
}

// noise returns size bytes that do not repeat, the same for the same name.
func noise(name string, size int64) []byte {
	data := make([]byte, size)
	_, _ = noiseOf(name).Read(data) // never fails
	return data
}

func noiseOf(name string) *rand.ChaCha8 {
	var seed [32]byte
	copy(seed[:], name)
	return rand.NewChaCha8(seed)
}
