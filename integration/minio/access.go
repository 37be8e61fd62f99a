package minio

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

// Keys are the credentials of a user.
type Keys struct {
	AccessKey, SecretKey, SessionToken string
}

// Restricted returns the keys of a user who may do these actions ("s3:PutObject") with the
// objects of bucket, and nothing else.
func (s *Server) Restricted(tb testing.TB, bucket string, actions ...string) Keys {
	tb.Helper()
	policy := fmt.Sprintf(`{"Version": "2012-10-17", "Statement": [
		{"Effect": "Allow", "Action": ["%s"], "Resource": ["arn:aws:s3:::%s/*"]}]}`, strings.Join(actions, `", "`), bucket)
	out, err := sts.New(sts.Options{
		BaseEndpoint: aws.String(s.Endpoint),
		Region:       Region,
		HTTPClient:   emulator.ClientTLS(s.tls),
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, ""),
	}).AssumeRole(tb.Context(), &sts.AssumeRoleInput{
		RoleArn:         aws.String("arn:minio:iam:::role/restricted"), // MinIO wants one, and looks at the policy only
		RoleSessionName: aws.String("restricted"),
		Policy:          &policy,
	})
	require.NoError(tb, err)
	return Keys{
		AccessKey:    aws.ToString(out.Credentials.AccessKeyId),
		SecretKey:    aws.ToString(out.Credentials.SecretAccessKey),
		SessionToken: aws.ToString(out.Credentials.SessionToken),
	}
}
