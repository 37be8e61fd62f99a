package gcsstore

import (
	"os"
	"testing"

	"github.com/tidegate/tidegate/integration/fakegcs"
)

func TestMain(m *testing.M) {
	// What the machine is set up for shall not decide a test.
	for _, name := range []string{"STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GOOGLE_API_USE_CLIENT_CERTIFICATE"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(fakegcs.Run(m))
}
