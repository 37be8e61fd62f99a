package integration

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// replyDeadline bounds the wait for one reply. It is long because a loaded machine is slow,
// not because the gateway may be.
const replyDeadline = 60 * time.Second

// rawClient is an FTP client that does just what it is told, so that it can misbehave.
type rawClient struct {
	t    *testing.T
	conn *net.TCPConn // of the control connection
	text *textproto.Conn
	tls  *tls.Config // for data connections; nil in clear
}

// dialRaw connects, logs in as user (whose password is the same) and sets TYPE I.
func dialRaw(t *testing.T, address, user string) *rawClient {
	t.Helper()
	c := &rawClient{t: t, conn: dialTCP(t, address)}
	c.greet()
	c.login(user)
	return c
}

// greet takes the greeting.
func (c *rawClient) greet() {
	c.t.Helper()
	c.text = textproto.NewConn(c.conn)
	c.expect(220)
}

// dialRawTLS is dialRaw with AUTH TLS and PROT P.
func dialRawTLS(t *testing.T, address, user, caFile string) *rawClient {
	t.Helper()
	ca, err := os.ReadFile(caFile)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(ca))
	c := &rawClient{t: t, conn: dialTCP(t, address)}
	c.tls = &tls.Config{RootCAs: roots, ServerName: "localhost", ClientSessionCache: tls.NewLRUClientSessionCache(8)}
	c.greet()
	c.cmd(234, "AUTH TLS")
	control := tls.Client(c.conn, c.tls)
	require.NoError(t, control.Handshake())
	c.text = textproto.NewConn(control)
	c.cmd(200, "PBSZ 0")
	c.cmd(200, "PROT P")
	c.login(user)
	return c
}

func dialTCP(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func (c *rawClient) login(user string) {
	c.t.Helper()
	c.cmd(331, "USER %s", user)
	c.cmd(230, "PASS %s", user)
	c.cmd(200, "TYPE I")
}

// cmd sends a command and wants a reply with that code; it returns the reply's text.
func (c *rawClient) cmd(code int, format string, args ...any) string {
	c.t.Helper()
	c.send(format, args...)
	return c.expect(code)
}

func (c *rawClient) send(format string, args ...any) {
	c.t.Helper()
	require.NoError(c.t, c.text.PrintfLine(format, args...))
}

func (c *rawClient) expect(code int) string {
	c.t.Helper()
	require.NoError(c.t, c.conn.SetReadDeadline(time.Now().Add(replyDeadline)))
	got, text, err := c.text.ReadResponse(0)
	require.NoError(c.t, err)
	require.Equal(c.t, code, got, "reply: %d %s", got, text)
	return text
}

// dataConn is one data connection: raw below, and TLS above it where the session has it.
type dataConn struct {
	io.ReadWriter
	raw *net.TCPConn
}

// passive opens a data connection by EPSV.
func (c *rawClient) passive() *net.TCPConn {
	c.t.Helper()
	var port int
	_, err := fmt.Sscanf(lastParenthesis(c.cmd(229, "EPSV")), "(|||%d|)", &port)
	require.NoError(c.t, err)
	host, _, err := net.SplitHostPort(c.conn.RemoteAddr().String())
	require.NoError(c.t, err)
	return dialTCP(c.t, net.JoinHostPort(host, fmt.Sprint(port)))
}

// store begins an upload and returns its data connection.
func (c *rawClient) store(name string) *dataConn {
	c.t.Helper()
	return c.open("STOR " + name)
}

// open sends a command that takes data and returns its data connection.
func (c *rawClient) open(command string) *dataConn {
	c.t.Helper()
	raw := c.passive()
	c.cmd(150, "%s", command)
	if c.tls == nil {
		return &dataConn{ReadWriter: raw, raw: raw}
	}
	data := tls.Client(raw, c.tls)
	require.NoError(c.t, data.Handshake())
	return &dataConn{ReadWriter: data, raw: raw}
}

// lastParenthesis returns what follows the last "(" of an EPSV reply.
func lastParenthesis(s string) string {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == '(' {
			return s[i:]
		}
	}
	return s
}

// upload stores data under name and wants a 226.
func (c *rawClient) upload(name string, data []byte) {
	c.t.Helper()
	c.transfer("STOR "+name, data)
}

// append is upload by APPE.
func (c *rawClient) append(name string, data []byte) {
	c.t.Helper()
	c.transfer("APPE "+name, data)
}

// transfer sends a command and the data for it, and wants a 226.
func (c *rawClient) transfer(command string, data []byte) {
	c.t.Helper()
	d := c.open(command)
	_, err := d.Write(data)
	require.NoError(c.t, err)
	d.finish(c.t)
	c.expect(226)
}

// finish ends the data as a good client does: close_notify under TLS, then FIN.
func (d *dataConn) finish(t *testing.T) {
	t.Helper()
	if secured, ok := d.ReadWriter.(*tls.Conn); ok {
		require.NoError(t, secured.Close())
		return
	}
	require.NoError(t, d.raw.Close())
}

// reset ends the data connection with RST.
func (d *dataConn) reset(t *testing.T) {
	t.Helper()
	require.NoError(t, d.raw.SetLinger(0))
	require.NoError(t, d.raw.Close())
}

// receive runs a command that sends data, and returns the data.
func (c *rawClient) receive(command string) string {
	c.t.Helper()
	raw := c.passive()
	c.cmd(150, "%s", command)
	require.NoError(c.t, raw.SetReadDeadline(time.Now().Add(replyDeadline)))
	data, err := io.ReadAll(raw)
	require.NoError(c.t, err)
	c.expect(226)
	return string(data)
}
