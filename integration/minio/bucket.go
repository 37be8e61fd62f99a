package minio

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

// Client returns a client with the rights of the server's owner, for looking at what is stored.
// It keeps no connection open, so that a test can look for goroutines that are left.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       Region,
		UsePathStyle: true,
		HTTPClient:   emulator.ClientTLS(s.tls),
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	})
}

// Bucket makes a bucket for the test, which is removed after it with all it holds.
func (s *Server) Bucket(tb testing.TB) string {
	tb.Helper()
	name := "test-" + strings.ToLower(rand.Text())
	client := s.Client()
	_, err := client.CreateBucket(tb.Context(), &s3.CreateBucketInput{Bucket: &name})
	require.NoError(tb, err)
	tb.Cleanup(func() {
		if !s.Running() {
			return // stopped: its data goes with it
		}
		// MinIO's own header removes the objects and open uploads too.
		_, err := client.DeleteBucket(context.Background(), &s3.DeleteBucketInput{Bucket: &name},
			s3.WithAPIOptions(smithyhttp.AddHeaderValue("X-Minio-Force-Delete", "true")))
		require.NoError(tb, err)
	})
	return name
}
