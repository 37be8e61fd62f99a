package ftptest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// stepTimeout is how long one step of a client may take: long enough for a busy machine,
	// short enough that a server that hangs is told by the step that waits for it.
	stepTimeout = 10 * time.Second

	// maxReplyLine bounds a line of a reply, many times what a server should send.
	maxReplyLine = 64 << 10
)

// Client is one FTP client: a control connection and at most one data connection. It does what
// it is told and nothing more. It is for tests: every call has a deadline, and it notices what
// clients forgive, such as a line that does not end in CR LF or TLS that ends without
// close_notify.
type Client struct {
	control link
	lines   *bufio.Reader
	tls     *tls.Config   // what it says in TLS handshakes
	timeout time.Duration // of each step

	target netip.AddrPort // where PASV or EPSV pointed
	active *net.TCPListener
	data   link
}

// link is a TCP connection that may have turned to TLS.
type link struct {
	net.Conn // what to read and write: raw or TLS
	raw      *rawConn
	timeout  time.Duration // of one step
}

// arm gives the next step its time.
func (l *link) arm() { l.SetDeadline(time.Now().Add(l.timeout)) }

// rawConn remembers whether its peer has ended the TCP stream, because crypto/tls does not tell
// that from close_notify.
type rawConn struct {
	*net.TCPConn
	ended bool
}

func (c *rawConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if errors.Is(err, io.EOF) {
		c.ended = true
	}
	return n, err
}

func (c *Client) newLink(conn net.Conn) link {
	raw := &rawConn{TCPConn: conn.(*net.TCPConn)}
	return link{Conn: raw, raw: raw, timeout: c.timeout}
}

// Dial connects to a server. config is used by StartTLS and StartDataTLS and may be nil.
func Dial(address string, config *tls.Config) (*Client, error) {
	return dial(address, config, stepTimeout)
}

func dial(address string, config *tls.Config, timeout time.Duration) (*Client, error) {
	c := &Client{tls: config, timeout: timeout}
	conn, err := c.dialFrom("", address)
	if err != nil {
		return nil, err
	}
	c.control = c.newLink(conn)
	c.lines = bufio.NewReader(c.control)
	return c, nil
}

// dialFrom connects from a local IP address, any if it is "".
func (c *Client) dialFrom(local, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: c.timeout}
	if local != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(local)}
	}
	return d.DialContext(context.Background(), "tcp", address)
}

// Send writes bytes to the control connection, as they are and in one write.
func (c *Client) Send(p []byte) error {
	return c.control.send(p)
}

func (l *link) send(p []byte) error {
	l.arm()
	_, err := l.Write(p)
	return err
}

// ReadBytes reads n bytes of the control connection as they are.
func (c *Client) ReadBytes(n int) ([]byte, error) {
	c.control.arm()
	p := make([]byte, n)
	n, err := io.ReadFull(c.lines, p)
	return p[:n], err
}

var (
	firstLine = regexp.MustCompile(`^[1-6][0-9]{2}[ -]`)
	pasvReply = regexp.MustCompile(`\((\d+,\d+,\d+,\d+),(\d+),(\d+)\)`)
	epsvReply = regexp.MustCompile(`\(\|\|\|(\d+)\|\)`)
)

// ReadReply reads one reply and returns its lines. It remembers where a 227 or 229 points.
func (c *Client) ReadReply() ([]string, error) {
	c.control.arm()
	first, err := c.readLine()
	if err != nil {
		return nil, err
	}
	if !firstLine.MatchString(first) {
		return nil, fmt.Errorf("%q is not the first line of a reply", first)
	}
	lines := []string{first}
	if first[3] == '-' {
		for last := first[:3] + " "; ; {
			line, err := c.readLine()
			if err != nil {
				return nil, fmt.Errorf("inside of reply %q: %w", lines, err)
			}
			lines = append(lines, line)
			if strings.HasPrefix(line, last) {
				break
			}
			if endOfReply.MatchString(line) {
				return nil, fmt.Errorf("line %q inside of reply %q looks like the end of another", line, lines)
			}
		}
	}
	return lines, c.notePassive(lines[0])
}

// readLine reads a line of a reply. Bytes that are not UTF-8 are shown as ‹ff›.
func (c *Client) readLine() (string, error) {
	var line []byte
	for len(line) < maxReplyLine {
		b, err := c.lines.ReadByte()
		if err == io.EOF && len(line) > 0 {
			return "", fmt.Errorf("the connection ended inside of line %q", line)
		}
		if err != nil {
			return "", err
		}
		line = append(line, b)
		if b == '\n' {
			break
		}
	}
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok {
		return "", fmt.Errorf("line %q does not end in CR LF", line)
	}
	var shown strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&shown, "‹%02x›", text[0])
		case r < ' ' || r == 0x7f:
			return "", fmt.Errorf("line %q holds a control character", line)
		default:
			shown.WriteRune(r)
		}
		text = text[size:]
	}
	return shown.String(), nil
}

// notePassive remembers the port of a 227 or 229. The address of a 227 is left aside, as
// clients do that know of NAT.
func (c *Client) notePassive(line string) error {
	var port int
	switch {
	case strings.HasPrefix(line, "227 "):
		m := pasvReply.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("%q names no address", line)
		}
		hi, _ := strconv.Atoi(m[2])
		lo, _ := strconv.Atoi(m[3])
		if hi > 255 || lo > 255 {
			return fmt.Errorf("%q names no port", line)
		}
		port = hi<<8 | lo
	case strings.HasPrefix(line, "229 "):
		m := epsvReply.FindStringSubmatch(line)
		if m == nil {
			return fmt.Errorf("%q names no port", line)
		}
		port, _ = strconv.Atoi(m[1])
	default:
		return nil
	}
	if port == 0 || port > 65535 {
		return fmt.Errorf("%q names no port", line)
	}
	server := c.control.RemoteAddr().(*net.TCPAddr).AddrPort()
	c.target = netip.AddrPortFrom(server.Addr(), uint16(port))
	return nil
}

// StartTLS makes the handshake on the control connection. version bounds it, 0 does not.
func (c *Client) StartTLS(version uint16) error {
	if n := c.lines.Buffered(); n > 0 {
		rest, _ := c.lines.Peek(n)
		return fmt.Errorf("%q came in clear before the handshake", rest)
	}
	if c.tls == nil {
		return errors.New("the client has no TLS settings")
	}
	c.tls = c.tls.Clone()
	c.tls.MaxVersion = version
	if err := c.control.startTLS(c.tls); err != nil {
		return err
	}
	c.lines.Reset(c.control)
	return nil
}

func (l *link) startTLS(config *tls.Config) error {
	l.arm()
	conn := tls.Client(l.raw, config)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		return err
	}
	l.Conn = conn
	return nil
}

// StopTLS waits for the server's close_notify on the control connection, answers it and goes on
// in clear.
func (c *Client) StopTLS() error {
	conn, ok := c.control.Conn.(*tls.Conn)
	if !ok {
		return errors.New("there is no TLS to end")
	}
	if err := c.ReadEnd(); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
		return err
	}
	c.control.Conn = c.control.raw
	c.lines.Reset(c.control)
	return nil
}

// ReadEnd waits for the orderly end of the control connection, under TLS for close_notify, and
// fails if anything else comes.
func (c *Client) ReadEnd() error {
	c.control.arm()
	rest, err := io.ReadAll(c.lines)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("%q came before the end", rest)
	}
	return c.control.closeNotified()
}

// closeNotified fails if the link is in TLS and has ended without close_notify.
func (l *link) closeNotified() error {
	if _, ok := l.Conn.(*tls.Conn); ok && l.raw.ended {
		return errors.New("TLS ended without close_notify")
	}
	return nil
}

// Reset ends the control connection by RST.
func (c *Client) Reset() error { return c.control.reset() }

func (l *link) reset() error {
	if err := l.raw.SetLinger(0); err != nil {
		return err
	}
	return l.raw.Close()
}

// Listen opens a port for active mode and returns its address.
func (c *Client) Listen() (netip.AddrPort, error) {
	if c.active != nil {
		c.active.Close()
	}
	own := c.control.LocalAddr().(*net.TCPAddr)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: own.IP})
	if err != nil {
		return netip.AddrPort{}, err
	}
	c.active = l
	return l.Addr().(*net.TCPAddr).AddrPort(), nil
}

// Connect makes the data connection to where PASV or EPSV pointed, from a local IP address, any
// if it is "".
func (c *Client) Connect(from string) error {
	if !c.target.IsValid() {
		return errors.New("no 227 or 229 has named a port")
	}
	conn, err := c.dialFrom(from, c.target.String())
	if err != nil {
		return err
	}
	c.data = c.newLink(conn)
	return nil
}

// Accept takes the data connection of the server in active mode.
func (c *Client) Accept() error {
	if c.active == nil {
		return errors.New("no port was opened")
	}
	if err := c.active.SetDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	conn, err := c.active.Accept()
	if err != nil {
		return err
	}
	c.active.Close()
	c.active = nil
	c.data = c.newLink(conn)
	return nil
}

// StartDataTLS makes the handshake on the data connection, as the TLS client in active mode too
// (RFC 4217 §7).
func (c *Client) StartDataTLS() error { return c.data.startTLS(c.tls) }

// Data returns the data connection, nil if there is none: a *tls.Conn after StartDataTLS.
func (c *Client) Data() net.Conn { return c.data.Conn }

// Control returns the control connection: a *tls.Conn after StartTLS.
func (c *Client) Control() net.Conn { return c.control.Conn }

// WriteData writes to the data connection.
func (c *Client) WriteData(p []byte) error {
	return c.data.send(p)
}

// ReadData reads n bytes from the data connection.
func (c *Client) ReadData(n int) ([]byte, error) {
	c.data.arm()
	p := make([]byte, n)
	n, err := io.ReadFull(c.data, p)
	return p[:n], err
}

// ReadDataToEnd reads what is left on the data connection and closes it. It fails unless the
// connection ended in good order: FIN, and close_notify before it under TLS.
func (c *Client) ReadDataToEnd() ([]byte, error) {
	defer c.dropData()
	c.data.arm()
	p, err := io.ReadAll(c.data)
	if err != nil {
		return p, err
	}
	return p, c.data.closeNotified()
}

// CloseData ends the data connection in good order. Under TLS it waits for the server's end, so
// that no unread bytes turn the FIN to an RST. The server may have ended the connection before.
func (c *Client) CloseData() error {
	conn, ok := c.data.Conn.(*tls.Conn)
	if !ok {
		defer c.dropData()
		return c.data.Close()
	}
	_ = conn.CloseWrite()
	return c.CutData()
}

// CutData ends the data connection with a FIN, under TLS without close_notify. It waits for the
// server's end, and the server may have been the first.
func (c *Client) CutData() error {
	defer c.dropData()
	_ = c.data.raw.CloseWrite()
	return waitGone(&c.data, c.data.raw)
}

// ResetData ends the data connection by RST.
func (c *Client) ResetData() error {
	defer c.dropData()
	return c.data.reset()
}

// WaitDataGone waits for the data connection to end in whatever way.
func (c *Client) WaitDataGone() error {
	defer c.dropData()
	return waitGone(&c.data, c.data)
}

// WaitGone waits for the control connection to end in whatever way.
func (c *Client) WaitGone() error { return waitGone(&c.control, c.lines) }

func waitGone(l *link, r io.Reader) error {
	l.arm()
	_, err := io.Copy(io.Discard, r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}

// dropData closes the data connection, if there is one, and forgets it.
func (c *Client) dropData() {
	if c.data.Conn != nil {
		net.Conn(c.data.raw).Close()
		c.data = link{}
	}
}

// Close drops all connections. It may be called again.
func (c *Client) Close() {
	if c.active != nil {
		c.active.Close()
	}
	c.dropData()
	net.Conn(c.control.raw).Close()
}
