package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	gib = int64(1) << 30
)

var gibibytes = flag.Int64("gibibytes", 1, "size of the file of TestFlatMemory")

// TestSizes sends files of every size class by each client and brings them back, byte for byte.
func TestSizes(t *testing.T) {
	b := newBucket(t)
	g := startGateway(t, b.settings())
	for _, c := range clients {
		for _, size := range []int64{0, 1, 5 * mib, 5*mib + 1, 100 * mib} {
			t.Run(fmt.Sprintf("%s/%d", c.name, size), func(t *testing.T) {
				name := fmt.Sprintf("%s-%d.bin", c.name, size)
				sent := randomFile(t, name, size)
				c.upload(t, g, plain, sent, "in/"+name)

				require.Equal(t, size, b.keys()["partners/bench/in/"+name])
				require.Equal(t, sumOfFile(t, sent), b.sum("partners/bench/in/"+name))

				back := filepath.Join(t.TempDir(), "back")
				c.download(t, g, plain, "in/"+name, back)
				require.Equal(t, sumOfFile(t, sent), sumOfFile(t, back))
			})
		}
	}
	for key := range b.keys() {
		require.Regexp(t, `^partners/bench/in/[^/]*$`, key, "an object outside the user's prefix")
		require.Zero(t, b.openUploads(key))
	}
}

// TestFlatMemory sends a large file through a gateway of 64 MiB: its memory stays flat, and it
// writes no file. -gibibytes says how large; make test-large sends 5.
func TestFlatMemory(t *testing.T) {
	const budget = 64 * mib
	b := newBucket(t)
	s := b.settings()
	s.Memory = "64MiB"
	g := startGateway(t, s)
	sent := randomFile(t, "large.bin", *gibibytes*gib)
	sum := sumOfFile(t, sent)

	curl.upload(t, g, plain, sent, "large.bin")
	up := g.peakMemory()
	require.NoError(t, os.Remove(sent))
	back := filepath.Join(t.TempDir(), "back")
	curl.download(t, g, plain, "large.bin", back)
	require.Equal(t, sum, sumOfFile(t, back))
	require.Equal(t, sum, b.sum("partners/bench/large.bin"))

	t.Logf("%d GiB: peak memory %d MiB after the upload, %d MiB after the download, written to disk %d KiB",
		*gibibytes, up/mib, g.peakMemory()/mib, g.diskWrites()/kib)
	require.LessOrEqual(t, g.peakMemory(), budget+64*mib)
	require.LessOrEqual(t, g.diskWrites(), mib, "bytes of the upload went through a file")
	require.Empty(t, regularFiles(t, g.Dir), "files left in the working directory or TMPDIR")
	require.NoError(t, g.cmd.Process.Signal(syscall.Signal(0)), "the gateway has ended")
}

func regularFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files = append(files, path)
		}
		return err
	})
	require.NoError(t, err)
	return files
}
