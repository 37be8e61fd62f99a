package emulator

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingProgramSaysWhatToDo(t *testing.T) {
	c := Command{Name: "MinIO", Where: "TIDEGATE_TEST_NONE"}
	t.Setenv(c.Where, filepath.Join(t.TempDir(), "none"))
	_, err := Start(c)
	require.ErrorContains(t, err, "no MinIO to test with")
	require.ErrorContains(t, err, "run make tools")
}

func TestServerThatExitsShowsWhatItSaid(t *testing.T) {
	c := Command{Name: "a shell", Where: "TIDEGATE_TEST_SHELL", Args: func(string, string, string) (args, env []string) {
		return []string{"-c", "echo $WHY; exit 1"}, []string{"WHY=no licence"}
	}}
	t.Setenv(c.Where, "/bin/sh")
	_, err := Start(c)
	require.ErrorIs(t, err, errExited)
	require.ErrorContains(t, err, "no licence")
}
