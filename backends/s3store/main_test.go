package s3store

import (
	"os"
	"testing"

	"github.com/tidegate/tidegate/integration/minio"
)

func TestMain(m *testing.M) {
	// What the machine is set up for shall not decide a test, nor the time that it takes.
	for _, name := range []string{"AWS_CA_BUNDLE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_MAX_ATTEMPTS", "AWS_PROFILE"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(minio.Run(m))
}
