package integration

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestIncompleteUploads breaks uploads over an existing file in every way of the table in
// docs/UPLOADS.md: the old object stays, and nothing of the new one does.
func TestIncompleteUploads(t *testing.T) {
	b := newBucket(t)
	s := b.settings()
	s.TLS = "explicit"
	g := startGateway(t, s)
	old := bytes.Repeat([]byte("old "), 25_000)

	breaks := []struct {
		name string
		tls  bool
		do   func(c *rawClient, d *dataConn)
	}{
		{"data reset", false, func(c *rawClient, d *dataConn) {
			d.reset(t)
			c.expect(426)
		}},
		{"ABOR", false, func(c *rawClient, d *dataConn) {
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
		}},
		{"ABOR with telnet IP and Synch", false, func(c *rawClient, d *dataConn) {
			_, err := c.conn.Write([]byte("\xff\xf4\xff\xf2ABOR\r\n"))
			require.NoError(t, err)
			c.expect(426)
			c.expect(226)
		}},
		{"TLS data ends without close_notify", true, func(c *rawClient, d *dataConn) {
			require.NoError(t, d.raw.CloseWrite())
			c.expect(426)
		}},
		{"TLS data reset", true, func(c *rawClient, d *dataConn) {
			d.reset(t)
			c.expect(426)
		}},
		{"ABOR under TLS", true, func(c *rawClient, d *dataConn) {
			c.send("ABOR")
			c.expect(426)
			c.expect(226)
		}},
		{"client gone, data closed first", false, func(c *rawClient, d *dataConn) {
			require.NoError(t, d.raw.Close())
			require.NoError(t, c.conn.Close())
		}},
		{"client gone, control closed first", false, func(c *rawClient, d *dataConn) {
			require.NoError(t, c.conn.Close())
			require.NoError(t, d.raw.Close())
		}},
		{"client gone, control reset", false, func(c *rawClient, d *dataConn) {
			require.NoError(t, c.conn.SetLinger(0))
			require.NoError(t, c.conn.Close())
			require.NoError(t, d.raw.Close())
		}},
		{"client gone under TLS", true, func(c *rawClient, d *dataConn) {
			require.NoError(t, c.conn.Close())
			require.NoError(t, d.raw.Close())
		}},
	}
	for _, size := range []int64{300 * kib, 24 * mib} { // one Put, and a multipart upload
		for i, brk := range breaks {
			t.Run(fmt.Sprintf("%s/%d", brk.name, size), func(t *testing.T) {
				name := fmt.Sprintf("broken-%d-%d.bin", size, i)
				dialRaw(t, g.FTP, "bench").upload(name, old)

				dial := dialRaw
				if brk.tls {
					dial = func(t *testing.T, address, user string) *rawClient {
						return dialRawTLS(t, address, user, g.CA)
					}
				}
				c := dial(t, g.FTP, "bench")
				d := c.store(name)
				part := make([]byte, size)
				rand.Read(part)
				_, err := d.Write(part)
				require.NoError(t, err)
				brk.do(c, d)
				requireUntouched(t, b, g, name, old)
			})
		}
	}
}

// TestAnnouncedSizeIsHonoured ends an upload before the size that ALLO announced.
func TestAnnouncedSizeIsHonoured(t *testing.T) {
	b := newBucket(t)
	g := startGateway(t, b.settings())
	old := []byte("the old content")
	c := dialRaw(t, g.FTP, "bench")
	c.upload("a.bin", old)

	c.cmd(200, "ALLO 1000000")
	d := c.store("a.bin")
	_, err := d.Write(make([]byte, 300_000))
	require.NoError(t, err)
	d.finish(t)
	c.expect(451)
	requireUntouched(t, b, g, "a.bin", old)

	c.cmd(200, "ALLO 300000")
	c.upload("a.bin", make([]byte, 300_000))
	require.Equal(t, int64(300_000), b.keys()["partners/bench/a.bin"])
}

// TestKilledClient kills a real client in the middle of its upload.
func TestKilledClient(t *testing.T) {
	b := newBucket(t)
	g := startGateway(t, b.settings())
	old := []byte("the old content")
	dialRaw(t, g.FTP, "bench").upload("killed.bin", old)
	file := randomFile(t, "killed.bin", 64*mib)

	cmd := exec.Command("curl", "--silent", "--limit-rate", "8M", "--user", "bench:bench", "--upload-file", file, curlURL(g, plain, "killed.bin"))
	require.NoError(t, cmd.Start())
	require.Eventually(t, func() bool { return b.openUploads("partners/bench/killed.bin") > 0 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	requireUntouched(t, b, g, "killed.bin", old)
}

// requireUntouched waits until the gateway has ended the upload to name, and wants the old
// object whole and no open upload beside it.
func requireUntouched(t *testing.T, b *bucket, g *gateway, name string, old []byte) {
	t.Helper()
	key := "partners/bench/" + name
	require.Eventually(t, func() bool { return g.transfersLogged(name) >= 2 }, time.Minute, 5*time.Millisecond, "the transfer was never logged as ended")
	require.Eventually(t, func() bool { return b.openUploads(key) == 0 }, time.Minute, 20*time.Millisecond, "an upload is left open")
	require.Equal(t, int64(len(old)), b.keys()[key])
	require.Equal(t, sumOf(t, bytes.NewReader(old)), b.sum(key))
}
