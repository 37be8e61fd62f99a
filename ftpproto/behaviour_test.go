package ftpproto_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// What a transcript cannot say is tested in *_behaviour_test.go, with these helpers.

// newFS returns an empty file system with the user that client.login is.
func newFS() *ftptest.FS {
	fs := ftptest.New()
	fs.AddUser(ftptest.User{Name: "bob", Password: "secret"})
	return fs
}

// running is a server with one listener.
type running struct {
	*ftpproto.Server
	address string
	served  chan error // what Serve returned
}

// serve starts a server for fs on loopback. When the test is over it is shut down, and must have
// left nothing open.
func serve(t *testing.T, fs *ftptest.FS, opts ftpproto.Options, listener ftpproto.ListenerOptions) *running {
	t.Helper()
	return serveAt(t, "127.0.0.1:0", fs, opts, listener)
}

func serveAt(t *testing.T, address string, fs *ftptest.FS, opts ftpproto.Options, listener ftpproto.ListenerOptions) *running {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	l, err := net.Listen("tcp", address)
	require.NoError(t, err)
	s := &running{
		Server:  ftpproto.NewServer(fs, opts),
		address: l.Addr().String(),
		served:  make(chan error, 1),
	}
	go func() { s.served <- s.Serve(l, listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		require.ErrorIs(t, <-s.served, ftpproto.ErrServerClosed)
		require.Empty(t, fs.Problems())
	})
	return s
}

// client is a ftptest.Client that fails the test when something fails.
type client struct {
	*ftptest.Client
	t *testing.T
}

// connect connects a client, which is closed when the test is over, and reads the greeting.
func (s *running) connect(t *testing.T) client {
	t.Helper()
	c := s.dial(t, nil)
	c.want("220")
	return c
}

// dial connects a client without reading anything.
func (s *running) dial(t *testing.T, config *tls.Config) client {
	t.Helper()
	c, err := ftptest.Dial(s.address, config)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return client{c, t}
}

// login connects a client and logs it in.
func (s *running) login(t *testing.T) client {
	t.Helper()
	c := s.connect(t)
	c.login()
	return c
}

func (c client) login() {
	c.t.Helper()
	c.cmd("USER bob", "331")
	c.cmd("PASS secret", "230")
}

// want reads a reply of that code and returns its first line.
func (c client) want(code string) string {
	c.t.Helper()
	lines, err := c.ReadReply()
	require.NoError(c.t, err)
	require.Equal(c.t, code, lines[0][:3], strings.Join(lines, "\n"))
	return lines[0]
}

// send sends a line.
func (c client) send(line string) {
	c.t.Helper()
	require.NoError(c.t, c.Send([]byte(line+"\r\n")))
}

// cmd sends a line and wants a reply of that code.
func (c client) cmd(line, code string) string {
	c.t.Helper()
	c.send(line)
	return c.want(code)
}

// start begins a passive transfer: the data connection is there and 150 has been read.
func (c client) start(line string) {
	c.t.Helper()
	c.cmd("EPSV", "229")
	require.NoError(c.t, c.Connect(""))
	c.cmd(line, "150")
}

// put uploads data.
func (c client) put(name string, data []byte) {
	c.t.Helper()
	c.start("STOR " + name)
	require.NoError(c.t, c.WriteData(data))
	require.NoError(c.t, c.CloseData())
	c.want("226")
}
