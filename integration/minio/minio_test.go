package minio_test

import (
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/minio"
)

func TestMain(m *testing.M) { os.Exit(minio.Run(m)) }

func TestDataSurvivesARestart(t *testing.T) {
	server := minio.Start(t)
	bucket, key := server.Bucket(t), "kept"
	_, err := server.Client().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("data")})
	require.NoError(t, err)

	server.Stop()
	_, err = server.Client().HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: &bucket}, func(o *s3.Options) { o.Retryer = aws.NopRetryer{} })
	require.Error(t, err)

	server.Restart(t)
	head, err := server.Client().HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(t, err)
	require.EqualValues(t, 4, *head.ContentLength)
}

func TestSharedServerIsOne(t *testing.T) {
	one, two := minio.Shared(t), minio.Shared(t)
	require.Same(t, one, two)
	require.NotEqual(t, one.Bucket(t), two.Bucket(t))
}
