package ftpproto_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// ABOR ends a transfer at once in whichever call the server waits; the transcripts show those
// phases that need no particular client.
func TestAbortInterrupts(t *testing.T) {
	for name, begin := range map[string]func(c client){
		"a download nobody reads": func(c client) { c.start("RETR big.bin") },
		"an upload nobody writes": func(c client) { c.start("STOR a.txt") },
		"a TLS handshake": func(c client) {
			c.cmd("PBSZ 0", "200")
			c.cmd("PROT P", "200")
			c.start("STOR a.txt")
		},
		"a download nobody reads, in TLS": func(c client) {
			c.cmd("PBSZ 0", "200")
			c.cmd("PROT P", "200")
			c.start("RETR big.bin")
			require.NoError(c.t, c.StartDataTLS())
		},
		"a store that does not take the data": func(c client) {
			c.start("STOR blocked.txt")
			require.NoError(c.t, c.WriteData(make([]byte, 1000)))
		},
		"a commit": func(c client) {
			c.start("STOR uncommitted.txt")
			require.NoError(c.t, c.CloseData())
		},
	} {
		t.Run(name, func(t *testing.T) {
			serverTLS, clientTLS, err := ftptest.NewTLS()
			require.NoError(t, err)
			fs := newFS()
			fs.AddFile("/big.bin", make([]byte, 32<<20), time.Time{})
			fs.AddHook(ftptest.Hook{Op: ftptest.OpWrite, Name: "/blocked.txt", Do: ftptest.Block})
			fs.AddHook(ftptest.Hook{Op: ftptest.OpCommit, Name: "/uncommitted.txt", Do: ftptest.Block})
			s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{TLS: ftpproto.TLSImplicit, TLSConfig: serverTLS})
			c := s.dial(t, clientTLS)
			require.NoError(t, c.StartTLS(0))
			c.want("220")
			c.login()
			c.cmd("PBSZ 0", "200")
			c.cmd("PROT C", "200")
			c.cmd("TYPE I", "200")
			begin(c)
			c.cmd("ABOR", "426")
			c.want("226")
			c.cmd("NOOP", "200")
			require.Equal(t, []string{"/big.bin"}, fs.Names())
		})
	}
}

// ABOR is answered in its turn, and aborts the transfers before it that have not begun yet too.
func TestAbortBehindQueue(t *testing.T) {
	fs := newFS()
	fs.AddFile("/a.txt", []byte("hello"), time.Time{})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	c.start("STOR b.txt")
	c.send("EPSV\r\nPWD\r\nRETR a.txt\r\nABOR\r\nPWD")
	for _, code := range []string{"426", "229", "257", "426", "226", "257"} {
		c.want(code)
	}
	c.cmd("ABOR", "225")
	require.Equal(t, []string{`/a.txt "hello"`}, fs.Tree())
}

func TestTooManyCommandsDuringTransfer(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	c.start("STOR a.txt")
	c.send(strings.TrimSuffix(strings.Repeat("PWD\r\n", 64), "\r\n"))
	require.NoError(t, c.WriteData([]byte("x")))
	require.NoError(t, c.CloseData())
	c.want("226")
	for range 64 {
		c.want("257")
	}

	c.start("STOR b.txt")
	c.send(strings.TrimSuffix(strings.Repeat("PWD\r\n", 65), "\r\n"))
	c.want("421")
	require.NoError(t, c.ReadEnd())
	require.Equal(t, []string{`/a.txt "x"`}, fs.Tree())
}

// The end of a transfer wakes the session in the middle of a line, and the line is not lost.
func TestTransferEndsInMidLine(t *testing.T) {
	fs := newFS()
	fs.AddFile("/a.txt", []byte("hello"), time.Time{})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	for i := range 20 {
		c.start("RETR a.txt")
		require.NoError(t, c.Send([]byte("MKD /folder")))
		_, err := c.ReadDataToEnd()
		require.NoError(t, err)
		c.want("226")
		require.Equal(t, fmt.Sprintf(`257 "/folder%d" created`, i), c.cmd(fmt.Sprint(i), "257"))
	}
}

// A client that asks without end and reads no answer does not keep its transfer open.
func TestRepliesThatNobodyReadsDuringTransfer(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{Timeouts: ftpproto.Timeouts{Reply: 50 * time.Millisecond}})
	for _, asked := range []string{"STAT\r\n", "\xff\xfb\x01\xff\xfb\x02NOOP\r\n"} {
		c := s.login(t)
		c.start("STOR a.txt")
		for c.Send([]byte(strings.Repeat(asked, 1000))) == nil { //nolint:revive // until the server has hung up
		}
		waitForSessions(t, fs)
		c.Close()
		require.Empty(t, fs.Names())
	}
}
