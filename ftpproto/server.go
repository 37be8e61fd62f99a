// Package ftpproto is an FTP server (RFC 959, 1123, 2228, 2389, 2428, 3659, 4217) on top of any
// FileSystem. It knows nothing of users, stores or configuration.
package ftpproto

import (
	"context"
	"errors"
	"net"
)

// ErrServerClosed is what Serve returns after Shutdown or Close.
var ErrServerClosed = errors.New("ftp server closed")

// Server serves a Backend on any number of listeners.
type Server struct {
	backend Backend
	opts    Options
}

// NewServer returns a server; Serve starts it.
func NewServer(backend Backend, opts Options) *Server {
	return &Server{backend: backend, opts: opts}
}

// Serve accepts control connections on l until Shutdown or Close, and then returns
// ErrServerClosed. It closes l.
func (s *Server) Serve(l net.Listener, opts ListenerOptions) error {
	panic("not written yet")
}

// Shutdown drains the server: listeners close, idle sessions are told 421 and closed, and
// sessions with a transfer end when it has. When ctx is done first, what is left is cut as by
// Close and the context's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	panic("not written yet")
}

// Close ends all sessions at once; their unfinished uploads are aborted. It waits for them.
func (s *Server) Close() error {
	panic("not written yet")
}
