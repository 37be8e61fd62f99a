package ftpproto

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/netip"
	"time"
)

// Options configures a Server. The zero value works.
type Options struct {
	Logger *slog.Logger // nil for slog.Default()

	// MaxSessions bounds the control connections of all listeners; the next one hears 421.
	// 0 means DefaultMaxSessions.
	MaxSessions int

	// MaxSessionsPerAddress bounds those of one client address, which may be a whole site behind
	// NAT; the rest is for others. 0 means DefaultMaxSessionsPerAddress.
	MaxSessionsPerAddress int
}

// ListenerOptions configures one listener. The zero value works: FTP in clear, passive mode on
// any free port, active mode from any port.
type ListenerOptions struct {
	TLS TLSMode

	// TLSConfig is needed unless TLS is TLSNone. Its Certificates or GetCertificate are used for
	// control and data connections; ALPN, session tickets and GetConfigForClient are the server's.
	TLSConfig *tls.Config

	Passive PassiveOptions

	// ActiveSourcePort is the local port that active data connections come from: 20 where a
	// firewall expects it (RFC 959 §3.2), which takes the right to bind it. 0 for any.
	ActiveSourcePort int

	Timeouts Timeouts

	// Greeting is the text of the 220 reply; "" for DefaultGreeting.
	Greeting string
}

// TLSMode says how a listener uses TLS.
type TLSMode int

// The modes.
const (
	TLSNone     TLSMode = iota // no TLS: AUTH is refused
	TLSExplicit                // AUTH TLS may be used (RFC 4217)
	TLSRequired                // AUTH TLS before login, and PROT P before any transfer
	TLSImplicit                // TLS from the first byte, as on port 990
)

// PassiveOptions says where passive data connections are accepted.
type PassiveOptions struct {
	MinPort, MaxPort int // inclusive; both 0 for any free port

	// PublicAddress is told to clients by PASV where it differs from the address they
	// connected to, as behind NAT. The zero value tells that address.
	PublicAddress netip.Addr
}

// Timeouts bounds every phase of a session. A zero means the default.
type Timeouts struct {
	Login     time.Duration // from connection to the end of login; 60 s
	Idle      time.Duration // between commands, outside transfers; 300 s
	DataOpen  time.Duration // for a data connection to be made, either way; 60 s
	Handshake time.Duration // of TLS, control or data; 10 s
	Stall     time.Duration // with no byte moved in a transfer; 300 s
	Reply     time.Duration // for a client to take a reply; 60 s
}

// Defaults and limits of a server.
const (
	DefaultMaxSessions           = 20_000
	DefaultMaxSessionsPerAddress = 15_000
	DefaultGreeting              = "Tidegate FTP gateway ready."
)

func (o ListenerOptions) validate() error {
	p := o.Passive
	switch {
	case o.TLS < TLSNone || o.TLS > TLSImplicit:
		return errors.New("unknown TLS mode")
	case o.TLS != TLSNone && o.TLSConfig == nil:
		return errors.New("TLS needs a TLSConfig")
	case p.PublicAddress.IsValid() && !p.PublicAddress.Unmap().Is4():
		return errors.New("public address: PASV can tell only an IPv4 address")
	case p.MinPort == 0 && p.MaxPort == 0:
	case p.MinPort < 1 || p.MaxPort > maxPort || p.MinPort > p.MaxPort:
		return errors.New("passive ports: want 1 ≤ MinPort ≤ MaxPort ≤ 65535")
	}
	if o.ActiveSourcePort < 0 || o.ActiveSourcePort > maxPort {
		return errors.New("active source port: want 0 to 65535")
	}
	return nil
}

const maxPort = 1<<16 - 1

func (o ListenerOptions) withDefaults() ListenerOptions {
	o.Greeting = cmp.Or(o.Greeting, DefaultGreeting)
	t := &o.Timeouts
	t.Login = cmp.Or(t.Login, 60*time.Second)
	t.Idle = cmp.Or(t.Idle, 300*time.Second)
	t.DataOpen = cmp.Or(t.DataOpen, 60*time.Second)
	t.Handshake = cmp.Or(t.Handshake, 10*time.Second)
	t.Stall = cmp.Or(t.Stall, 300*time.Second)
	t.Reply = cmp.Or(t.Reply, 60*time.Second)
	return o
}
