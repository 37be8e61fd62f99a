package ftpproto_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// Close interrupts a session wherever it is, and waits for it.
func TestCloseInterrupts(t *testing.T) {
	for name, begin := range map[string]func(c client){
		"greeted":       func(client) {},
		"logged in":     func(c client) { c.login() },
		"in an upload":  func(c client) { c.login(); c.start("STOR b.txt") },
		"in a download": func(c client) { c.login(); c.start("RETR big.bin") },
		"waiting for a data connection": func(c client) {
			c.login()
			c.cmd("EPSV", "229")
			c.cmd("LIST", "150")
		},
		"in a command": func(c client) {
			c.login()
			c.send("DELE hangs.txt")
		},
	} {
		t.Run(name, func(t *testing.T) {
			fs := newFS()
			fs.AddFile("/big.bin", make([]byte, 32<<20), time.Time{})
			fs.AddHook(ftptest.Hook{Op: ftptest.OpRemove, Do: ftptest.Block})
			s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
			c := s.connect(t)
			begin(c)
			require.NoError(t, s.Close())
			require.NoError(t, c.WaitGone())
			require.Empty(t, fs.Problems())
			require.Equal(t, []string{"/big.bin"}, fs.Names())
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			require.ErrorIs(t, s.Serve(l, ftpproto.ListenerOptions{}), ftpproto.ErrServerClosed)
			require.NoError(t, s.Close())
		})
	}
}

func TestServeRefusesWrongOptions(t *testing.T) {
	for name, opts := range map[string]ftpproto.ListenerOptions{
		"TLS without certificate": {TLS: ftpproto.TLSExplicit},
		"unknown TLS mode":        {TLS: 99},
		"ports upside down":       {Passive: ftpproto.PassiveOptions{MinPort: 2000, MaxPort: 1000}},
		"half a range":            {Passive: ftpproto.PassiveOptions{MinPort: 2000}},
		"too high":                {Passive: ftpproto.PassiveOptions{MinPort: 2000, MaxPort: 70000}},
		"source port":             {ActiveSourcePort: -1},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.Error(t, ftpproto.NewServer(newFS(), ftpproto.Options{}).Serve(l, opts), name)
		_, err = l.Accept()
		require.ErrorIs(t, err, net.ErrClosed, name)
	}
}

// A panic ends its own session only, cleans up after it, and leaves its stack in the log.
func TestPanic(t *testing.T) {
	for op, begin := range map[ftptest.Op]func(c client){
		ftptest.OpSession: func(client) {},
		ftptest.OpLogin:   func(c client) { c.want("220"); c.cmd("USER bob", "331"); c.send("PASS secret") },
		ftptest.OpStat:    func(c client) { c.want("220"); c.login(); c.send("CWD /") },
		ftptest.OpRead:    func(c client) { c.want("220"); c.login(); c.start("RETR a.txt") },
		ftptest.OpWrite: func(c client) {
			c.want("220")
			c.login()
			c.start("STOR a.txt")
			require.NoError(c.t, c.WriteData([]byte("new")))
		},
		ftptest.OpCommit: func(c client) {
			c.want("220")
			c.login()
			c.start("STOR a.txt")
			require.NoError(c.t, c.CloseData())
		},
	} {
		t.Run(string(op), func(t *testing.T) {
			fs := newFS()
			fs.AddFile("/a.txt", []byte("old"), time.Time{})
			var log bytes.Buffer
			s := serve(t, fs, ftpproto.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, ftpproto.ListenerOptions{})
			other := s.login(t)
			fs.AddHook(ftptest.Hook{Op: op, Do: func(context.Context) error { panic("out of cheese") }})
			c := s.dial(t, nil)
			begin(c)
			c.want("421")
			require.NoError(t, c.ReadEnd())
			c.Close()
			other.cmd("PWD", "257")
			require.Equal(t, []string{`/a.txt "old"`}, fs.Tree())
			other.Close()
			require.NoError(t, s.Shutdown(t.Context()))
			require.Contains(t, log.String(), "out of cheese")
			require.Contains(t, log.String(), "goroutine")
		})
	}
}

// A panic in a command that is answered during a transfer waits for the transfer.
func TestPanicBesideTransfer(t *testing.T) {
	fs := newFS()
	fs.AddFile("/a.txt", []byte("old"), time.Time{})
	fs.AddHook(ftptest.Hook{Op: ftptest.OpStat, Do: func(context.Context) error { panic("out of cheese") }})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	c.start("STOR a.txt")
	c.send("STAT /a.txt")
	c.want("421")
	require.NoError(t, c.ReadEnd())
	require.Equal(t, []string{`/a.txt "old"`}, fs.Tree())
}

// A login that hangs ends with the time for it, and no password is ever logged.
func TestLoginHangs(t *testing.T) {
	fs := newFS()
	fs.AddHook(ftptest.Hook{Op: ftptest.OpLogin, Do: ftptest.Block})
	var log bytes.Buffer
	s := serve(t, fs, ftpproto.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		ftpproto.ListenerOptions{Timeouts: ftpproto.Timeouts{Login: 50 * time.Millisecond}})
	c := s.connect(t)
	c.cmd("USER bob", "331")
	c.cmd("PASS secret", "421")
	require.NoError(t, c.ReadEnd())
	c.Close()
	require.NoError(t, s.Shutdown(t.Context()))
	require.Contains(t, log.String(), "deadline exceeded")
	require.NotContains(t, log.String(), "secret")
}
