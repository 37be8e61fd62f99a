package s3store

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

func TestPieces(t *testing.T) {
	require.Equal(t, []span{{0, 0}}, pieces(1, maxNumber))
	require.Equal(t, []span{{0, pieceSize - 1}}, pieces(pieceSize, maxNumber))
	require.Equal(t, []span{{0, 268435455}, {268435456, pieceSize}}, pieces(pieceSize+1, maxNumber))
	for _, c := range []struct{ size, most int64 }{
		{minPart, maxBasePieces},
		{maxSingle + 1, maxNumber},
		{pieceSize * maxBasePieces, maxBasePieces},
		{pieceSize*maxBasePieces + 1, maxBasePieces},
		{maxSingle * maxBasePieces, maxBasePieces},
		{maxObjectElsewhere - 1, maxBasePieces},
		{maxObjectElsewhere, maxNumber},
		{maxObject - 1, maxNumber},
		{maxObject, maxNumber},
	} {
		spans := pieces(c.size, c.most)
		require.LessOrEqual(t, int64(len(spans)), c.most)
		next := int64(0)
		for _, s := range spans {
			require.Equal(t, next, s.first)
			next = s.last + 1
			require.LessOrEqual(t, next-s.first, int64(maxSingle))
			require.GreaterOrEqual(t, next-s.first, int64(minPart))
		}
		require.Equal(t, c.size, next)
	}
}

func TestSourceIsEscaped(t *testing.T) {
	d := &Driver{opts: Options{Bucket: "b"}}
	for key, want := range map[string]string{
		"a/b.txt":   "b/a/b.txt",
		"a b+c":     "b/a%20b%2Bc",
		"100%":      "b/100%25",
		"a?v=1#x&y": "b/a%3Fv%3D1%23x%26y",
		`"ü"`:       "b/%22%C3%BC%22",
		"a\x01/":    "b/a%01/",
	} {
		require.Equal(t, want, *d.source(key))
	}
}

// TestCopyKeepsAttributes covers what the contract has no word for.
func TestCopyKeepsAttributes(t *testing.T) {
	server := minio.Shared(t)
	bucket := server.Bucket(t)
	d, err := New(t.Context(), optionsFor(server, bucket))
	require.NoError(t, err)
	defer d.Close()
	client := server.Client()
	_, err = client.PutObject(t.Context(), &s3.PutObjectInput{
		Bucket: &bucket, Key: aws.String("a"), ContentType: aws.String("text/csv"), CacheControl: aws.String("no-store"),
		ContentDisposition: aws.String("inline"), ContentEncoding: aws.String("zstd"), ContentLanguage: aws.String("mi"),
		Metadata: map[string]string{"owner": "somebody"},
	})
	require.NoError(t, err)
	src, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)

	for key, opts := range map[string]backends.WriteOptions{
		"plain":     {},
		"timed":     {ModTime: src.ModTime.AddDate(-1, 0, 0)},
		"if-absent": {IfAbsent: true},
	} {
		info, err := d.Copy(t.Context(), key, src, opts)
		require.NoError(t, err)
		require.Equal(t, src.Size, info.Size)
		head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
		require.NoError(t, err)
		require.Equal(t, "text/csv", aws.ToString(head.ContentType), key)
		require.Equal(t, "no-store", aws.ToString(head.CacheControl), key)
		require.Equal(t, "inline", aws.ToString(head.ContentDisposition), key)
		require.Equal(t, "zstd", aws.ToString(head.ContentEncoding), key)
		require.Equal(t, "mi", aws.ToString(head.ContentLanguage), key)
		require.Equal(t, "somebody", head.Metadata["owner"], key)
	}
}
