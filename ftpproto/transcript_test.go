package ftpproto_test

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

var update = flag.Bool("update", false, "write the texts of replies and the data received into the transcripts")

// TestTranscripts plays testdata/*.txt, which are the specification of the server. Package
// ftptest documents their format.
func TestTranscripts(t *testing.T) {
	playAll(t, ftptest.Mode{Update: *update})
}

// TestTranscriptsWithReadFrom plays them on a file system that reads uploads from the data
// connection itself, which must make no difference.
func TestTranscriptsWithReadFrom(t *testing.T) {
	playAll(t, ftptest.Mode{ReadFrom: true})
}

func playAll(t *testing.T, mode ftptest.Mode) {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ftptest.Run(t, file, mode)
		})
	}
}
