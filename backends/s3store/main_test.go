package s3store

import (
	"os"
	"testing"

	"github.com/tidegate/tidegate/integration/minio"
)

func TestMain(m *testing.M) { os.Exit(minio.Run(m)) }
