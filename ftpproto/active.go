package ftpproto

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

var (
	errFamily  = NewError(522, "Network protocol not supported, use (1,2)", nil)
	errEPSVAll = NewError(503, "Only EPSV may be used after EPSV ALL.", nil)
	errPORT    = NewError(501, "Want PORT h1,h2,h3,h4,p1,p2.", nil)
	errEPRT    = NewError(501, "Want EPRT |1|address|port| or |2|address|port|.", nil)
	// A server that connects to whatever it is told helps to attack others (RFC 2577 §3).
	errBounce = NewError(500, "Only a port from 1024 on your own address may be used.", nil)
)

// active is a place that the client has told the server to connect to.
type active struct {
	local  netip.AddrPort // port 0 for any
	remote netip.AddrPort
}

func (a *active) open(ctx context.Context) (*net.TCPConn, error) {
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(a.local)}
	if a.local.Port() != 0 {
		dialer.Control = sharePort
	}
	conn, err := dialer.DialContext(ctx, "tcp", a.remote.String())
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func (a *active) close() {}

func (s *session) port(_ context.Context, arg string) (reply, error) {
	target, err := parsePORT(arg)
	return s.useActive(target, err)
}

func (s *session) eprt(_ context.Context, arg string) (reply, error) {
	target, err := parseEPRT(arg)
	if err == nil && target.Addr().Is4() != s.info.Remote.Addr().Is4() {
		err = errFamily
	}
	return s.useActive(target, err)
}

func (s *session) useActive(target netip.AddrPort, err error) (reply, error) {
	peer := s.info.Remote.Addr()
	s.dropData()
	switch {
	case s.epsvAll:
		return reply{}, errEPSVAll
	case err != nil:
		return reply{}, err
	case target.Addr() != peer.WithZone("") || target.Port() < 1024:
		return reply{}, errBounce
	}
	s.useData(&active{
		local:  netip.AddrPortFrom(s.info.Local.Addr(), uint16(s.opts.ActiveSourcePort)),
		remote: netip.AddrPortFrom(peer, target.Port()), // with the zone of a link-local peer
	})
	return reply{code: 200, text: "Data connections go to " + target.String() + "."}, nil
}

// parsePORT parses h1,h2,h3,h4,p1,p2.
func parsePORT(arg string) (netip.AddrPort, error) {
	fields := strings.Split(strings.TrimSpace(arg), ",")
	if len(fields) != 6 {
		return netip.AddrPort{}, errPORT
	}
	var b [6]byte
	for i, field := range fields {
		n, err := strconv.ParseUint(field, 10, 8)
		if err != nil {
			return netip.AddrPort{}, errPORT
		}
		b[i] = byte(n)
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), uint16(b[4])<<8|uint16(b[5])), nil
}

// parseEPRT parses <d>family<d>address<d>port<d> with any delimiter d (RFC 2428 §2).
func parseEPRT(arg string) (netip.AddrPort, error) {
	arg = strings.TrimSpace(arg)
	if arg == "" || arg[0] < 33 || arg[0] > 126 {
		return netip.AddrPort{}, errEPRT
	}
	fields := strings.Split(arg, arg[:1])
	if len(fields) != 5 || fields[0] != "" || fields[4] != "" {
		return netip.AddrPort{}, errEPRT
	}
	if fields[1] != "1" && fields[1] != "2" {
		if _, err := strconv.ParseUint(fields[1], 10, 16); err != nil {
			return netip.AddrPort{}, errEPRT
		}
		return netip.AddrPort{}, errFamily
	}
	addr, err := netip.ParseAddr(fields[2])
	if err != nil || addr.Is4() != (fields[1] == "1") {
		return netip.AddrPort{}, errEPRT
	}
	port, err := strconv.ParseUint(fields[3], 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port: %w", errEPRT)
	}
	return netip.AddrPortFrom(addr.Unmap().WithZone(""), uint16(port)), nil
}
