package s3store

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
	"github.com/tidegate/tidegate/integration/minio"
)

// TestConformance has an enforcer between the driver and MinIO: a driver that forgot a condition
// would be found out.
func TestConformance(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Harness {
		t.Helper()
		p := startProxy(t)
		p.enforce(t)
		return backendtest.Harness{
			Open: func(t *testing.T) backends.Driver {
				t.Helper()
				d, err := New(t.Context(), p.opts)
				require.NoError(t, err)
				return d
			},
			Left: func(t *testing.T) (keys, uploads []string) {
				t.Helper()
				return left(t, minio.Shared(t), p.opts.Bucket)
			},
			FileHidesFolder: true,
		}
	})
}

// TestBareMinIO does without the enforcer what a user's session does: the conditions that hold
// there hold by MinIO itself.
func TestBareMinIO(t *testing.T) {
	server := minio.Shared(t)
	bucket := server.Bucket(t)
	d, err := New(t.Context(), optionsFor(server, bucket))
	require.NoError(t, err)
	store := backends.NewStore("test", d, backends.StoreOptions{PartSize: minPart})
	ctx := t.Context()
	save := func(key string, opts backends.CreateOptions, data []byte) error {
		w, err := store.Create(ctx, key, opts)
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
		_, err = w.Commit(ctx)
		return err
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), (2*minPart+16)/16)
	require.NoError(t, save("a", backends.CreateOptions{}, []byte("small")))
	require.ErrorIs(t, save("a", backends.CreateOptions{IfAbsent: true}, []byte("other")), backends.ErrExist)
	require.NoError(t, save("b", backends.CreateOptions{}, large))
	require.NoError(t, save("b", backends.CreateOptions{Append: true}, []byte("more")))
	a, err := store.Stat(ctx, "a")
	require.NoError(t, err)
	require.ErrorIs(t, store.Rename(ctx, a, "b", backends.RenameOptions{IfAbsent: true}), backends.ErrExist)
	require.NoError(t, store.Rename(ctx, a, "c", backends.RenameOptions{IfAbsent: true}))
	require.NoError(t, store.MakeFolder(ctx, "f"))
	require.ErrorIs(t, store.MakeFolder(ctx, "f"), backends.ErrExist)
	require.NoError(t, store.RenameFolder(ctx, "f", "g"))
	require.Equal(t, append(large, "more"...), read(t, d, "b"))
	require.Equal(t, []byte("small"), read(t, d, "c"))
	require.NoError(t, store.Remove(ctx, "b"))
	require.ErrorIs(t, store.Remove(ctx, "b"), backends.ErrNotExist)
	require.NoError(t, store.Close())
	keys, uploads := left(t, server, bucket)
	require.Equal(t, []string{"c", "g/"}, keys)
	require.Empty(t, uploads)
}

func optionsFor(server *minio.Server, bucket string) Options {
	return Options{
		Bucket:    bucket,
		Endpoint:  server.Endpoint,
		PathStyle: true,
		AccessKey: server.AccessKey,
		SecretKey: server.SecretKey,
	}
}

// left returns all that a bucket holds.
func left(t *testing.T, server *minio.Server, bucket string) (keys, uploads []string) {
	t.Helper()
	client := server.Client()
	objects, err := client.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	require.NoError(t, err)
	for _, o := range objects.Contents {
		keys = append(keys, *o.Key)
	}
	pending, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	require.NoError(t, err)
	for _, u := range pending.Uploads {
		uploads = append(uploads, fmt.Sprintf("%s (%s)", *u.Key, *u.UploadId))
	}
	return keys, uploads
}
