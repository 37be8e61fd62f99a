package ftptest

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

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

func newLink(conn net.Conn, timeout time.Duration) link {
	raw := &rawConn{TCPConn: conn.(*net.TCPConn)}
	return link{Conn: raw, raw: raw, timeout: timeout}
}

func (l *link) send(p []byte) error {
	l.arm()
	_, err := l.Write(p)
	return err
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

// closeNotified fails if the link is in TLS and has ended without close_notify.
func (l *link) closeNotified() error {
	if _, ok := l.Conn.(*tls.Conn); ok && l.raw.ended {
		return errors.New("TLS ended without close_notify")
	}
	return nil
}

func (l *link) reset() error {
	if err := l.raw.SetLinger(0); err != nil {
		return err
	}
	return l.raw.Close()
}

// waitGone reads r, which is on top of l, until it ends in whatever way.
func (l *link) waitGone(r io.Reader) error {
	l.arm()
	_, err := io.Copy(io.Discard, r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return err
	}
	return nil
}
