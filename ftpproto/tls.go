package ftpproto

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

func hasTLS(s *session) bool { return s.opts.TLS != TLSNone }

func ifTLS(line string) func(*session) []string {
	return func(s *session) []string {
		if hasTLS(s) {
			return []string{line}
		}
		return nil
	}
}

// auth begins TLS (RFC 4217 §4). What the client sent behind AUTH in clear is not to be taken
// for something it said inside TLS (CVE-2011-0411).
func (s *session) auth(_ context.Context, arg string) (reply, error) {
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "TLS", "TLS-C", "SSL":
	default:
		return reply{}, NewError(504, "Only AUTH TLS is known.", nil)
	}
	switch {
	case s.secure:
		return reply{}, NewError(503, "TLS is on already.", nil)
	case s.in.unread() || len(s.queue) > 0:
		return reply{code: 503, text: "Nothing may follow AUTH in clear.", then: func() error {
			return errors.New("commands behind AUTH in clear")
		}}, nil
	}
	return reply{code: 234, text: "Begin the TLS handshake.", then: func() error {
		s.logout()
		s.reset()
		return s.startTLS()
	}}, nil
}

// startTLS puts TLS on the control connection.
func (s *session) startTLS() error {
	config := sessionTLS(s.opts.TLSConfig)
	conn, err := s.handshake(s.ctx, &recordConn{Conn: s.raw}, config)
	if err != nil {
		return fmt.Errorf("TLS handshake on the control connection: %w", err)
	}
	s.switchTo(conn)
	s.secure, s.greeted, s.dataTLS = true, false, dataTLS(config)
	return nil
}

// stopTLS goes on in clear once both sides have said close_notify.
func (s *session) stopTLS() error {
	conn := s.conn.(*tls.Conn)
	if err := conn.CloseWrite(); err != nil {
		return fmt.Errorf("end TLS: %w", err)
	}
	s.raw.SetReadDeadline(time.Now().Add(s.opts.Timeouts.Handshake))
	if _, err := io.CopyN(io.Discard, conn, lingerBytes); err != io.EOF { //nolint:errorlint // as io.Copy has it
		return fmt.Errorf("wait for the client to end TLS: %w", err)
	}
	s.switchTo(s.raw)
	s.secure, s.pbsz, s.protected, s.dataTLS = false, false, false, nil
	return nil
}

func (s *session) switchTo(conn net.Conn) {
	s.conn = conn
	s.in.reset(conn)
	s.out.use(conn)
}

// handshake is the server's part of TLS on conn, the control connection or a data connection.
func (s *session) handshake(ctx context.Context, conn net.Conn, config *tls.Config) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Timeouts.Handshake)
	defer cancel()
	t := tls.Server(conn, config)
	if err := t.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// sessionTLS returns base for one control connection and its data connections. Its ticket keys
// are its own: a data connection can resume the TLS session of its own control connection, and of
// no other. The protocol names keep a browser's TLS out (ALPACA).
func sessionTLS(base *tls.Config) *tls.Config {
	config := base.Clone()
	config.GetConfigForClient = nil
	config.NextProtos = []string{"ftp", "x-filezilla-ftp"}
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails
	config.SetSessionTicketKeys([][32]byte{key})
	return config
}

// dataTLS returns control for the data connections. A TLS 1.3 client that resumes nothing is given
// no ticket: one that only writes never reads it, and its kernel then ends the upload with RST
// instead of FIN, and drops what was not sent yet.
func dataTLS(control *tls.Config) *tls.Config {
	const extensionPSK = 41 // pre_shared_key (RFC 8446 §4.2)
	ticketless := control.Clone()
	ticketless.SessionTicketsDisabled = true
	config := control.Clone()
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		if slices.Contains(hello.SupportedVersions, tls.VersionTLS13) && !slices.Contains(hello.Extensions, extensionPSK) {
			return ticketless, nil
		}
		return nil, nil
	}
	return config
}

func (s *session) bufferSize(_ context.Context, arg string) (reply, error) {
	if !s.secure {
		return reply{}, NewError(503, "Use AUTH TLS first.", nil)
	}
	if _, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 32); err != nil {
		return reply{}, NewError(501, "Want PBSZ 0.", nil)
	}
	s.pbsz = true
	return reply{code: 200, text: "PBSZ=0"}, nil
}

func (s *session) prot(_ context.Context, arg string) (reply, error) {
	if !s.pbsz {
		return reply{}, NewError(503, "Use PBSZ 0 first.", nil)
	}
	switch strings.ToUpper(strings.TrimSpace(arg)) {
	case "P":
		s.protected = true
		return reply{code: 200, text: "Data connections are private."}, nil
	case "C":
		s.protected = false
		return reply{code: 200, text: "Data connections are in clear."}, nil
	case "S", "E":
		return reply{}, NewError(536, "TLS gives only PROT C and P.", nil)
	}
	return reply{}, NewError(504, "Unknown protection level.", nil)
}

// ccc would put user names and paths in clear for the sake of firewalls: refused.
func (s *session) ccc(context.Context, string) (reply, error) {
	return reply{}, NewError(534, "The control connection stays as it is.", nil)
}

// recordConn hands out no more than the rest of one TLS record at a read. So crypto/tls reads
// nothing of what follows close_notify in clear (REIN).
type recordConn struct {
	net.Conn
	header [5]byte // type, version, length (RFC 8446 §5.1)
	have   int     // bytes of header
	left   int     // bytes of the record's body to come
}

func (c *recordConn) Read(p []byte) (int, error) {
	if c.left > 0 {
		n, err := c.Conn.Read(p[:min(len(p), c.left)])
		c.left -= n
		return n, err
	}
	n, err := c.Conn.Read(p[:min(len(p), len(c.header)-c.have)])
	copy(c.header[c.have:], p[:n])
	if c.have += n; c.have == len(c.header) {
		c.have, c.left = 0, int(binary.BigEndian.Uint16(c.header[3:]))
	}
	return n, err
}
