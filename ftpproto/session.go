package ftpproto

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"
)

const (
	// maxQueue bounds the commands a client may send ahead while a transfer runs.
	maxQueue = 64
	// maxLoginFailures is how many wrong passwords one connection may try.
	maxLoginFailures = 3
	// lingerTime and lingerBytes bound how long a closing session reads on, so that the
	// kernel does not reset the connection before the client has read the last reply.
	lingerTime  = time.Second
	lingerBytes = 64 << 10
)

// Why a session or its transfer ends. All but errEnd are told to the client.
var (
	errEnd        = errors.New("session ended")
	errAborted    = NewError(426, "Transfer aborted.", errors.New("aborted by the client"))
	errClientGone = NewError(426, "Control connection lost.", errors.New("control connection lost"))
	errShutdown   = NewError(421, "Service is going down.", ErrServerClosed)
	errPanic      = NewError(421, "Internal error.", errors.New("panic"))
)

// session is one control connection. Its goroutine reads commands and runs their handlers; a
// transfer runs beside it in a goroutine of its own, while the session goes on reading.
type session struct {
	server *Server
	opts   *ListenerOptions
	info   ConnInfo
	log    *slog.Logger
	began  time.Time

	ctx  context.Context // ends with the session
	kill func()

	raw  net.Conn // as accepted
	conn net.Conn // raw, or TLS on top of it
	in   lineReader
	out  replyWriter

	// mu guards what Shutdown needs to know.
	mu       sync.Mutex
	waiting  bool // for a command, outside transfers
	draining bool

	backend       Session
	user          string // by USER; "" before
	fs            FileSystem
	loginDeadline time.Time
	failures      int  // of logins
	greeted       bool // the first line on this connection, or in this TLS, has been read

	dataTLS   *tls.Config // of this session's data connections alone; nil before TLS
	secure    bool        // the control connection is in TLS
	pbsz      bool        // PBSZ was given
	protected bool        // PROT P

	cwd       string
	binary    bool  // TYPE I or L 8, else TYPE A
	allocated int64 // by ALLO, for the next upload
	facts     factSet
	algorithm HashAlgorithm // by OPTS HASH
	data      dataSource    // what PASV, PORT and the like have prepared, or nil
	epsvAll   bool

	once, before oneCommand // what the next command may use; what this one may

	running  *transfer // or nil
	queue    []line    // commands to run after it
	quitting bool      // one of them is QUIT
	aborted  bool      // one of them is ABOR, and has ended a transfer
}

// oneCommand is the state that only the very next command can use (RFC 959: RNFR, REST).
type oneCommand struct {
	restart int64
	rename  *renameSource
}

func newSession(server *Server, ln *listener, conn net.Conn) *session {
	id := strconv.FormatUint(server.lastID.Add(1), 10)
	s := &session{
		server: server,
		opts:   &ln.ListenerOptions,
		info: ConnInfo{
			ID:       id,
			Remote:   addrPort(conn.RemoteAddr()),
			Local:    addrPort(conn.LocalAddr()),
			Listener: ln.Addr().String(),
		},
		log:   server.log.With("session", id),
		began: time.Now(),
		raw:   conn,
		conn:  conn,
		out:   replyWriter{conn: conn, timeout: ln.Timeouts.Reply},
	}
	s.loginDeadline = s.began.Add(s.opts.Timeouts.Login)
	ctx, cancel := context.WithCancelCause(context.Background())
	s.ctx, s.kill = ctx, func() { cancel(errShutdown) }
	s.in.refuse = func(option [3]byte) error {
		if err := s.out.sendRaw(option[:]); err != nil {
			return fmt.Errorf("refuse a telnet option: %v", err) // a deadline of writing is none of reading
		}
		return nil
	}
	s.in.reset(conn)
	s.reset()
	return s
}

// reset returns to the parameters of a new session (RFC 959 §4.1.1 REIN).
func (s *session) reset() {
	s.dropData()
	s.user, s.fs = "", nil
	s.cwd = "/"
	s.binary, s.allocated, s.facts, s.epsvAll = false, 0, allFacts, false
	s.algorithm = SHA256
	s.once = oneCommand{}
}

// addrPort returns a's address in its own family: an IPv4 client of a dual-stack listener is
// an IPv4 client.
func addrPort(a net.Addr) netip.AddrPort {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{} // no TCP, as in a test over a pipe
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

// refuse says why there is no session, and ends it.
func (s *session) refuse(text string) {
	defer s.kill()
	defer s.raw.Close()
	if s.opts.TLS == TLSImplicit {
		return // nothing can be said in clear, and a handshake is more than a refusal may cost
	}
	// The first bytes of a connection fit its buffer: this does not wait for the client.
	s.raw.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = s.raw.Write(appendReplyLine(nil, 421, ' ', text))
}

// serve is the whole life of a session.
func (s *session) serve() {
	defer s.kill()
	stop := context.AfterFunc(s.ctx, func() { s.raw.Close() })
	defer stop()
	s.log.Debug("session started", "remote", s.info.Remote.String(), "listener", s.info.Listener)
	err := s.guarded(s.run)
	if errors.Is(err, errPanic) {
		_ = s.hangUp(errPanic)
	}
	if s.running != nil { // a panic beside it
		s.running.cancel(errPanic)
		<-s.running.done
	}
	s.dropData()
	if s.backend != nil {
		if err := s.guarded(s.backend.Close); err != nil {
			s.log.Warn("close of the backend's session failed", "err", err)
		}
	}
	s.linger()
	if errors.Is(err, errEnd) || errors.Is(err, io.EOF) { // the client's own wish
		err = nil
	}
	s.log.Debug("session ended", "duration", time.Since(s.began), "err", err)
}

// guarded turns a panic in f into errPanic, so that it ends this session only.
func (s *session) guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return f()
}

// run greets the client and runs its commands until the session ends.
func (s *session) run() error {
	urgentInline(s.raw)
	if s.opts.TLS == TLSImplicit {
		if err := s.startTLS(); err != nil {
			return err
		}
		s.protected = true
	}
	backend, err := s.server.backend.NewSession(s.ctx, s.info)
	if err != nil {
		s.log.Warn("session refused by the backend", "err", err)
		code, text := ReplyTo(err, 421, "Service not available.")
		return s.hangUp(NewError(code, text, err))
	}
	s.backend = backend
	if err := s.send(reply{code: 220, text: s.opts.Greeting}); err != nil {
		return err
	}
	for {
		l, err := s.nextCommand()
		if err != nil {
			return err
		}
		if err := s.execute(l); err != nil {
			return err
		}
	}
}

// nextCommand returns what was queued during a transfer, then what the client sends.
func (s *session) nextCommand() (line, error) {
	if s.isDraining() {
		return line{}, s.hangUp(errShutdown)
	}
	if len(s.queue) > 0 {
		l := s.queue[0]
		s.queue = s.queue[1:]
		return l, nil
	}
	s.queue = nil
	s.await()
	l, err := s.in.next()
	s.mu.Lock()
	s.waiting = false
	s.mu.Unlock()
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, errFlood):
		return line{}, s.hangUp(NewError(421, "Command line without end.", err))
	case !errors.Is(err, os.ErrDeadlineExceeded):
		return line{}, err
	case s.isDraining():
		return line{}, s.hangUp(errShutdown)
	case s.fs == nil:
		return line{}, s.hangUp(errLoginTime)
	default:
		return line{}, s.hangUp(NewError(421, "Idle for too long.", err))
	}
}

// await arms the deadline for the next command.
func (s *session) await() {
	deadline := time.Now().Add(s.opts.Timeouts.Idle)
	if s.fs == nil {
		deadline = s.loginDeadline
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining {
		deadline = past
	}
	s.waiting = true
	s.raw.SetReadDeadline(deadline)
}

// past is a deadline that wakes a reader at once.
var past = time.Unix(1, 0)

// drain asks the session to end as soon as no transfer runs.
func (s *session) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
	if s.waiting {
		s.raw.SetReadDeadline(past)
	}
}

func (s *session) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// hangUp tells the client why the session ends, and returns that.
func (s *session) hangUp(why *Error) error {
	if err := s.out.send(reply{code: why.Code, text: why.Text}); err != nil {
		return errors.Join(why, err)
	}
	return why
}

// send writes r. It is the only way to the client.
func (s *session) send(r reply) error {
	if err := s.out.send(r); err != nil {
		return fmt.Errorf("send reply: %w", err)
	}
	switch {
	case r.then != nil:
		return r.then()
	case r.code == 421:
		return errEnd
	}
	return nil
}

// linger closes the control connection so that the last reply arrives.
func (s *session) linger() {
	defer s.raw.Close()
	if conn, ok := s.conn.(*tls.Conn); ok {
		_ = conn.CloseWrite()
	}
	half, ok := s.raw.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	s.raw.SetReadDeadline(time.Now().Add(lingerTime))
	_, _ = io.CopyN(io.Discard, s.raw, lingerBytes)
}
