package s3store

import (
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
