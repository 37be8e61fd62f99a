package azstore

import (
	"os"
	"testing"

	"github.com/tidegate/tidegate/integration/azurite"
)

func TestMain(m *testing.M) { os.Exit(azurite.Run(m)) }
