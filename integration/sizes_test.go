package integration

import (
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

// TestGibibyte sends 1 GiB through a gateway of 64 MiB: its memory stays flat, and it writes
// no file.
func TestGibibyte(t *testing.T) {
	const budget = 64 * mib
	b := newBucket(t)
	s := b.settings()
	s.Memory = "64MiB"
	g := startGateway(t, s)
	sent := randomFile(t, "gibibyte.bin", gib)

	curl.upload(t, g, plain, sent, "gibibyte.bin")
	require.Equal(t, sumOfFile(t, sent), b.sum("partners/bench/gibibyte.bin"))
	back := filepath.Join(t.TempDir(), "back")
	curl.download(t, g, plain, "gibibyte.bin", back)
	require.Equal(t, sumOfFile(t, sent), sumOfFile(t, back))

	t.Logf("peak memory %d MiB, written to disk %d KiB", g.peakMemory()/mib, g.diskWrites()/kib)
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

// TestRequestsOfCommands counts what the commands cost at the store.
func TestRequestsOfCommands(t *testing.T) {
	b := newBucket(t)
	rec, s := b.record()
	g := startGateway(t, s)
	c := dialRaw(t, g.FTP, "bench")
	rec.take() // the check at start

	steps := []struct {
		do   func()
		want []string // method and path below the bucket
	}{
		{func() { c.upload("small.jpg", make([]byte, 200*kib)) }, []string{"PUT /partners/bench/small.jpg"}},
		{func() { c.cmd(213, "SIZE small.jpg") }, []string{"HEAD /partners/bench/small.jpg"}},
		{func() { c.cmd(213, "MDTM small.jpg") }, []string{"HEAD /partners/bench/small.jpg"}},
		{func() { c.receive("RETR small.jpg") }, []string{"GET /partners/bench/small.jpg"}},
		{func() { c.receive("MLSD") }, []string{"GET /"}},
		{func() { c.receive("LIST") }, []string{"GET /"}},
		{func() { c.cmd(257, "MKD sub") }, []string{"PUT /partners/bench/sub/"}},
		{func() { c.cmd(250, "CWD sub") }, []string{"GET /"}},
		{func() { c.cmd(250, "CWD /") }, nil},
		{func() { c.cmd(350, "RNFR small.jpg") }, []string{"HEAD /partners/bench/small.jpg"}},
		{func() { c.cmd(250, "RNTO large.jpg") }, []string{"PUT /partners/bench/large.jpg", "DELETE /partners/bench/small.jpg"}},
		{func() { c.cmd(250, "RMD sub") }, []string{"GET /", "DELETE /partners/bench/sub/"}},
		{func() { c.cmd(250, "DELE large.jpg") }, []string{"HEAD /partners/bench/large.jpg", "DELETE /partners/bench/large.jpg"}},
	}
	for i, step := range steps {
		step.do()
		var want []string
		for _, w := range step.want {
			var method, path string
			_, err := fmt.Sscanf(w, "%s %s", &method, &path)
			require.NoError(t, err)
			want = append(want, method+" /"+b.name+path)
		}
		got := rec.take()
		for j := range got { // the bucket itself is asked with or without a "/" at its end
			if got[j] == "GET /"+b.name {
				got[j] += "/"
			}
		}
		require.Equal(t, want, got, "step %d", i)
	}
}
