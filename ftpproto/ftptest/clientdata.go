package ftptest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

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
	c.dropData()
	c.data = newLink(conn, c.timeout)
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
	c.dropData()
	c.data = newLink(conn, c.timeout)
	return nil
}

// StartDataTLS makes the handshake on the data connection, as the TLS client in active mode too
// (RFC 4217 §7).
func (c *Client) StartDataTLS() error { return c.data.startTLS(c.tls) }

// Data returns the data connection, nil if there is none: a *tls.Conn after StartDataTLS.
func (c *Client) Data() net.Conn { return c.data.Conn }

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
	return c.data.waitGone(c.data.raw)
}

// ResetData ends the data connection by RST.
func (c *Client) ResetData() error {
	defer c.dropData()
	return c.data.reset()
}

// WaitDataGone waits for the data connection to end in whatever way.
func (c *Client) WaitDataGone() error {
	defer c.dropData()
	return c.data.waitGone(c.data)
}

// dropData closes the data connection, if there is one, and forgets it.
func (c *Client) dropData() {
	if c.data.Conn != nil {
		net.Conn(c.data.raw).Close()
		c.data = link{}
	}
}
