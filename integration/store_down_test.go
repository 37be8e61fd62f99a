package integration

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/minio"
)

// TestStoreUnreachable starts a gateway before its store: it serves, says so, and never answers 226.
func TestStoreUnreachable(t *testing.T) {
	b := newBucket(t)
	s := b.settings()
	s.Endpoint = "http://" + freeAddress(t) // nobody listens there
	g := startGateway(t, s)
	requireStoreDown(t, g)
	require.Zero(t, g.stop(syscall.SIGTERM))
}

// TestStoreComesBack kills the store and starts it again under a running gateway.
func TestStoreComesBack(t *testing.T) {
	b := newBucketOn(t, minio.Start(t))
	g := startGateway(t, b.settings())
	c := dialRaw(t, g.FTP, "bench")
	c.upload("before.bin", []byte("before"))

	b.server.Stop()
	requireStoreDown(t, g)

	b.server.Restart(t)
	require.Eventually(t, func() bool { return g.ready() == http.StatusOK }, 2*time.Minute, 50*time.Millisecond, "the gateway does not see its store again")
	c.upload("after.bin", []byte("after"))
	require.Equal(t, map[string]int64{"partners/bench/before.bin": 6, "partners/bench/after.bin": 5}, b.keys())
}

// TestBucketRefused starts a gateway whose bucket does not exist, or with wrong credentials.
func TestBucketRefused(t *testing.T) {
	for name, spoil := range map[string]func(*settings){
		"no such bucket":  func(s *settings) { s.Bucket = "no-such-bucket" },
		"wrong secret":    func(s *settings) { s.SecretKey = "wrong-secret-key" },
		"unknown account": func(s *settings) { s.AccessKey = "nobody" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newBucket(t).settings()
			spoil(&s)
			g := startGateway(t, s)
			requireStoreDown(t, g)
			require.NotContains(t, g.log.String(), s.SecretKey)
		})
	}
}

func requireStoreDown(t *testing.T, g *gateway) {
	t.Helper()
	c := dialRaw(t, g.FTP, "bench")
	d := c.store("a.bin")
	_, err := d.Write(make([]byte, 100))
	require.NoError(t, err)
	d.finish(t)
	c.send("NOOP") // two replies: the transfer's, and NOOP's own
	code, text, err := c.text.ReadResponse(0)
	require.NoError(t, err)
	if code == 200 {
		code, text, err = c.text.ReadResponse(0)
		require.NoError(t, err)
	}
	require.Equal(t, 451, code, text)

	require.Eventually(t, func() bool {
		return strings.Contains(g.log.String(), "lake") && g.ready() == http.StatusServiceUnavailable
	}, time.Minute, 20*time.Millisecond, "serve does not say which store is down")
}

// TestDrain ends the gateway by SIGTERM while an upload runs: the upload finishes, and nobody new comes in.
func TestDrain(t *testing.T) {
	b := newBucket(t)
	g := startGateway(t, b.settings())
	require.Eventually(t, func() bool { return g.ready() == http.StatusOK }, time.Minute, 20*time.Millisecond)
	c, idle := dialRaw(t, g.FTP, "bench"), dialRaw(t, g.FTP, "bench")
	d := c.store("drain.bin")
	half := make([]byte, 6*mib)
	_, err := d.Write(half)
	require.NoError(t, err)

	require.NoError(t, g.cmd.Process.Signal(syscall.SIGTERM))
	idle.expect(421)
	require.NotEqual(t, http.StatusOK, g.ready())

	_, err = d.Write(half)
	require.NoError(t, err)
	d.finish(t)
	c.expect(226)
	require.Equal(t, 12*mib, b.keys()["partners/bench/drain.bin"])
	<-g.exited
	require.Zero(t, g.cmd.ProcessState.ExitCode())
}
