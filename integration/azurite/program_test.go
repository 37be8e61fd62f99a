package azurite

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingProgramSaysWhatToDo(t *testing.T) {
	t.Setenv(DirEnv, t.TempDir())
	_, err := start()
	require.ErrorContains(t, err, "run make tools")
}
