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
// close_notify. One goroutine may send while another reads.
type Client struct {
	control link
	lines   *bufio.Reader
	tls     *tls.Config   // what it says in TLS handshakes
	timeout time.Duration // of each step

	target netip.AddrPort // where PASV or EPSV pointed
	active *net.TCPListener
	data   link
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
	c.control = newLink(conn, c.timeout)
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

// Reset ends the control connection by RST.
func (c *Client) Reset() error { return c.control.reset() }

// Control returns the control connection: a *tls.Conn after StartTLS.
func (c *Client) Control() net.Conn { return c.control.Conn }

// WaitGone waits for the control connection to end in whatever way.
func (c *Client) WaitGone() error { return c.control.waitGone(c.lines) }

// Close drops all connections. It may be called again.
func (c *Client) Close() {
	if c.active != nil {
		c.active.Close()
	}
	c.dropData()
	net.Conn(c.control.raw).Close()
}
