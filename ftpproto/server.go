// Package ftpproto is an FTP server (RFC 959, 1123, 2228, 2389, 2428, 3659, 4217) on top of any
// FileSystem. It knows nothing of users, stores or configuration.
package ftpproto

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("ftp server closed")

// Server serves a Backend on any number of listeners.
type Server struct {
	backend  Backend
	opts     Options
	log      *slog.Logger
	commands commandTable
	buffers  *bufferPool

	lastID  atomic.Uint64
	closing chan struct{} // closed by Close

	mu        sync.Mutex
	state     serverState
	listeners map[*listener]struct{}
	sessions  map[*session]struct{}
	perAddr   map[netip.Addr]int // sessions of each client address
	ended     sync.Cond          // on mu: a session has ended
	serving   sync.WaitGroup     // sessions and Serve calls
}

type serverState int

const (
	running  serverState = iota
	draining             // new connections hear 421, sessions end when their transfer has
	closed
)

// NewServer returns a server; Serve starts it.
func NewServer(backend Backend, opts Options) *Server {
	opts.MaxSessions = cmp.Or(opts.MaxSessions, DefaultMaxSessions)
	opts.MaxSessionsPerAddress = cmp.Or(opts.MaxSessionsPerAddress, DefaultMaxSessionsPerAddress)
	s := &Server{
		backend:   backend,
		opts:      opts,
		log:       cmp.Or(opts.Logger, slog.Default()),
		commands:  newCommandTable(),
		buffers:   newBufferPool(),
		closing:   make(chan struct{}),
		listeners: make(map[*listener]struct{}),
		sessions:  make(map[*session]struct{}),
		perAddr:   make(map[netip.Addr]int),
	}
	s.ended.L = &s.mu
	return s
}

// listener is one Serve call.
type listener struct {
	net.Listener
	ListenerOptions
}

// Serve accepts control connections on l until Close, or until Shutdown has drained the server,
// and then returns ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener, opts ListenerOptions) error {
	defer l.Close()
	if err := opts.validate(); err != nil {
		return fmt.Errorf("ftp listener %v: %w", l.Addr(), err)
	}
	ln := &listener{Listener: l, ListenerOptions: opts.withDefaults()}
	s.mu.Lock()
	if s.state != running {
		s.mu.Unlock()
		return ErrServerClosed
	}
	s.listeners[ln] = struct{}{}
	s.serving.Add(1)
	s.mu.Unlock()
	defer s.serving.Done()
	err := s.acceptAll(ln)
	s.mu.Lock()
	delete(s.listeners, ln)
	s.mu.Unlock()
	return err
}

// acceptAll serves what comes to ln. A failed accept is tried again: it tells of a client that
// left early, or of file descriptors that have run out and will come back.
func (s *Server) acceptAll(ln *listener) error {
	const minPause, maxPause = 5 * time.Millisecond, time.Second
	pause := minPause
	for {
		conn, err := ln.Accept()
		if err == nil {
			pause = minPause
			s.admit(ln, conn)
			continue
		}
		select {
		case <-s.closing:
			return ErrServerClosed
		default:
		}
		if errors.Is(err, net.ErrClosed) {
			return fmt.Errorf("accept control connection: %w", err)
		}
		s.log.Warn("accept failed", "listener", ln.Addr().String(), "err", err, "retry_in", pause)
		select {
		case <-s.closing:
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// admit starts a session for conn, or refuses it.
func (s *Server) admit(ln *listener, conn net.Conn) {
	sess := newSession(s, ln, conn)
	peer := sess.info.Remote.Addr()
	s.mu.Lock()
	refusal := ""
	switch {
	case s.state != running:
		refusal = "Service is going down, come back later."
	case len(s.sessions) >= s.opts.MaxSessions:
		refusal = "Too many sessions, come back later."
	case s.perAddr[peer] >= s.opts.MaxSessionsPerAddress:
		refusal = "Too many sessions from your address."
	default:
		s.sessions[sess] = struct{}{}
		s.perAddr[peer]++
		s.serving.Add(1)
	}
	s.mu.Unlock()
	if refusal == "" {
		go func() {
			defer s.leave(sess)
			sess.serve()
		}()
		return
	}
	sess.log.Warn("session refused", "reason", refusal)
	sess.refuse(refusal)
}

func (s *Server) leave(sess *session) {
	peer := sess.info.Remote.Addr()
	s.mu.Lock()
	delete(s.sessions, sess)
	if s.perAddr[peer]--; s.perAddr[peer] == 0 {
		delete(s.perAddr, peer)
	}
	s.ended.Broadcast()
	s.mu.Unlock()
	s.serving.Done()
}

// Shutdown drains the server: idle sessions are told 421 and closed, sessions with a transfer
// end when it has, and new connections hear 421. Then the listeners close. When ctx is done
// first, what is left is cut as by Close and the context's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		s.ended.Broadcast() // wakes the wait below
		s.mu.Unlock()
	})
	defer stop()
	s.mu.Lock()
	if s.state == running {
		s.state = draining
	}
	for sess := range s.sessions {
		sess.drain()
	}
	for len(s.sessions) > 0 && ctx.Err() == nil {
		s.ended.Wait()
	}
	drained := len(s.sessions) == 0
	s.mu.Unlock()
	if err := s.Close(); err != nil || drained {
		return err
	}
	return ctx.Err()
}

// Close ends all sessions at once; their unfinished uploads are aborted. It waits for them.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.state != closed {
		s.state = closed
		close(s.closing)
	}
	var errs []error
	for ln := range s.listeners {
		errs = append(errs, ln.Close())
		delete(s.listeners, ln)
	}
	for sess := range s.sessions {
		sess.kill()
	}
	s.mu.Unlock()
	s.serving.Wait()
	return errors.Join(errs...)
}
