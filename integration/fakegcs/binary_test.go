package fakegcs

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingBinarySaysWhatToDo(t *testing.T) {
	t.Setenv(BinaryEnv, filepath.Join(t.TempDir(), "none"))
	_, err := start()
	require.ErrorContains(t, err, "run make tools")
}
