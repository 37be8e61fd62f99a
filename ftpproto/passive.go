package ftpproto

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// passive is a listener for one data connection of one client.
type passive struct {
	listener *net.TCPListener
	peer     netip.Addr // the only address that may connect
	onAlien  func(netip.Addr)
	lapse    *time.Timer // frees the port if no transfer comes
}

// listenPassive opens a listener on the address that the control connection came to.
func (s *session) listenPassive() (*passive, uint16, error) {
	s.dropData() // its port may be the only free one
	l, err := listenInRange(s.ctx, s.info.Local.Addr(), s.opts.Passive)
	if err != nil {
		return nil, 0, NewError(425, "No free port for a data connection.", err)
	}
	p := &passive{listener: l, peer: s.info.Remote.Addr(), onAlien: func(a netip.Addr) {
		s.log.Warn("data connection from a stranger closed", "remote", a.String())
	}}
	p.lapse = time.AfterFunc(s.opts.Timeouts.DataOpen, func() { _ = l.Close() })
	return p, addrPort(l.Addr()).Port(), nil
}

// listenInRange takes a random free port, so that nobody can foretell it. Which ports are free
// only the kernel knows: it is asked, and two sessions cannot be given the same.
func listenInRange(ctx context.Context, local netip.Addr, ports PassiveOptions) (*net.TCPListener, error) {
	count := ports.MaxPort - ports.MinPort + 1
	start := rand.IntN(count) //nolint:gosec // seeded by the system, and a port is no secret
	for i := range count {
		port := ports.MinPort + (start+i)%count
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", netip.AddrPortFrom(local, uint16(port)).String())
		if err == nil {
			return l.(*net.TCPListener), nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("all %d passive ports are in use", count)
}

// open accepts the client. Whoever else connects is closed, and the client is waited for on.
func (p *passive) open(ctx context.Context) (*net.TCPConn, error) {
	p.lapse.Stop()
	stop := context.AfterFunc(ctx, func() { _ = p.listener.SetDeadline(past) })
	defer stop()
	for {
		conn, err := p.listener.AcceptTCP()
		switch {
		case err == nil:
			from := addrPort(conn.RemoteAddr()).Addr()
			if from == p.peer {
				return conn, nil
			}
			_ = conn.Close()
			p.onAlien(from)
		case ctx.Err() != nil:
			return nil, fmt.Errorf("wait for a data connection: %w", ctx.Err())
		case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
			time.Sleep(10 * time.Millisecond)
		default:
			return nil, err
		}
	}
}

func (p *passive) close() {
	p.lapse.Stop()
	p.listener.Close()
}

func (s *session) pasv(context.Context, string) (reply, error) {
	if s.epsvAll {
		return reply{}, errEPSVAll
	}
	told := s.opts.Passive.PublicAddress.Unmap()
	if !told.IsValid() {
		told = s.info.Local.Addr()
	}
	if !told.Is4() || !s.info.Local.Addr().Is4() {
		s.dropData()
		return reply{}, NewError(425, "PASV is for IPv4: use EPSV.", nil)
	}
	p, port, err := s.listenPassive()
	if err != nil {
		return reply{}, err
	}
	s.useData(p)
	a := told.As4()
	return reply{code: 227, text: fmt.Sprintf("Entering Passive Mode (%d,%d,%d,%d,%d,%d).",
		a[0], a[1], a[2], a[3], port>>8, port&0xff)}, nil
}

func (s *session) epsv(_ context.Context, arg string) (reply, error) {
	own := "1"
	if s.info.Local.Addr().Is6() {
		own = "2"
	}
	switch arg = strings.ToUpper(strings.TrimSpace(arg)); arg {
	case "", own:
	case "ALL":
		s.epsvAll = true
		return reply{code: 200, text: "From now on only EPSV."}, nil
	default:
		s.dropData()
		if _, err := strconv.ParseUint(arg, 10, 16); err != nil {
			return reply{}, NewError(501, "Want EPSV, EPSV 1, EPSV 2 or EPSV ALL.", nil)
		}
		return reply{}, errFamily
	}
	p, port, err := s.listenPassive()
	if err != nil {
		return reply{}, err
	}
	s.useData(p)
	return reply{code: 229, text: fmt.Sprintf("Entering Extended Passive Mode (|||%d|)", port)}, nil
}
