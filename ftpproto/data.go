package ftpproto

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// The commands that prepare a transfer's data connection belong to that transfer: some clients
// send REST before them. To forget it would put the rest of a file in the place of the whole.
func dataCommands() []command {
	return []command{
		{verb: "PORT", syntax: "<h1,h2,h3,h4,p1,p2>", run: (*session).port, needsArg: true, keepsRestart: true},
		{verb: "EPRT", syntax: "|<family>|<address>|<port>|", run: (*session).eprt, needsArg: true, keepsRestart: true, features: feature("EPRT")},
		{verb: "PASV", run: (*session).pasv, keepsRestart: true},
		{verb: "EPSV", syntax: "[1|2|ALL]", run: (*session).epsv, keepsRestart: true, features: feature("EPSV")},
	}
}

// dataSource is where the next data connection comes from: PASV and EPSV make one, or PORT
// and EPRT another.
type dataSource interface {
	// open waits for the connection until ctx is done.
	open(ctx context.Context) (*net.TCPConn, error)
	// close frees the source. It may be called more than once.
	close()
}

// useData replaces what an earlier command has prepared.
func (s *session) useData(d dataSource) {
	s.dropData()
	s.data = d
}

func (s *session) dropData() {
	if s.data != nil {
		s.data.close()
		s.data = nil
	}
}

// readyForData checks what every transfer needs, before the FileSystem is asked.
func (s *session) readyForData() error {
	switch {
	case s.opts.TLS == TLSRequired && !s.protected:
		return NewError(522, "Data connections must be protected: use PROT P.", nil)
	case s.data == nil:
		return NewError(425, "Use PASV, EPSV, PORT or EPRT first.", nil)
	}
	return nil
}

// openData opens the data connection of t, in TLS after PROT P. The server has the TLS server's
// part even where it connects (RFC 4217 §7).
func (s *session) openData(t *transfer) (*dataConn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, s.opts.Timeouts.DataOpen)
	defer cancel()
	tcp, err := t.source.open(ctx)
	t.source.close()
	if err != nil {
		return nil, NewError(425, "Can't open data connection.", err)
	}
	wire := &wire{TCPConn: tcp, stall: s.opts.Timeouts.Stall, lastAt: time.Now()}
	d := &dataConn{wire: wire, stream: wire, ctx: t.ctx, moved: &t.moved,
		spare: s.server.buffers, network: roundTripSettle(tcp)}
	d.stop = context.AfterFunc(t.ctx, func() { _ = tcp.Close() })
	if s.protected {
		if d.tls, err = s.handshake(t.ctx, wire, s.dataTLS); err != nil {
			d.cut()
			return nil, NewError(425, "TLS handshake failed on the data connection.", err)
		}
		d.stream = d.tls
		ackNow(tcp)
	}
	return d, nil
}

// wire is a data connection below TLS. It gives every read and write the stall limit, and
// remembers whether the peer has ended the connection.
type wire struct {
	*net.TCPConn
	stall   time.Duration
	ended   bool // the peer's FIN was read
	endedAt time.Time
	lastAt  time.Time // when bytes were read last; at first, when it was opened
}

func (w *wire) Read(p []byte) (int, error) {
	_ = w.SetReadDeadline(time.Now().Add(w.stall))
	n, err := w.TCPConn.Read(p)
	if n > 0 {
		w.lastAt = time.Now()
	}
	if err == io.EOF { //nolint:errorlint // a net.Conn returns it bare, and so must this one
		w.ended, w.endedAt = true, time.Now()
	}
	return n, err
}

// end returns when the peer ended its side, and how long it had been silent before. A peer that
// said close_notify has ended without a FIN, and behind its last byte.
func (w *wire) end() (at time.Time, silence time.Duration) {
	if !w.ended {
		return time.Now(), 0
	}
	return w.endedAt, w.endedAt.Sub(w.lastAt)
}

func (w *wire) Write(p []byte) (int, error) {
	_ = w.TCPConn.SetWriteDeadline(time.Now().Add(w.stall))
	return w.TCPConn.Write(p)
}

// SetWriteDeadline does nothing, so that crypto/tls cannot give close_notify only 5 seconds to
// get through to a slow client.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// dataConn is an open data connection. Its own failures are *Errors and are kept in err, so
// that they can be told from those of the FileSystem at its other end.
type dataConn struct {
	wire   *wire
	stream net.Conn  // wire, or tls
	tls    *tls.Conn // nil in clear
	ctx    context.Context
	stop   func() bool // ends the watch on ctx
	moved  *atomic.Int64
	spare  *bufferPool
	err    error

	network time.Duration // see roundTripSettle
}

// maxWrite is how much may be under way to the client in one write: the stall limit is for
// moving this much.
const maxWrite = 256 << 10

func (d *dataConn) Read(p []byte) (int, error) {
	n, err := d.stream.Read(p)
	d.moved.Add(int64(n))
	if err == nil {
		return n, nil
	}
	if err == io.EOF { //nolint:errorlint // as above
		if d.tls == nil || !d.wire.ended {
			return n, io.EOF
		}
		// crypto/tls takes a FIN between two records for an end. Only close_notify is one:
		// it was not there if the wire itself has ended (RFC 8446 §6.1).
		err = io.ErrUnexpectedEOF
	}
	return n, d.fail(err)
}

func (d *dataConn) Write(p []byte) (int, error) {
	var sent int
	for len(p) > 0 {
		n, err := d.stream.Write(p[:min(len(p), maxWrite)])
		d.moved.Add(int64(n))
		sent += n
		if err != nil {
			return sent, d.fail(err)
		}
		p = p[n:]
	}
	return sent, nil
}

// ReadFrom sends a file, or the range of one that a LimitedReader is, by sendfile where there is
// no TLS. Like any reader, a range counts down what is left of it.
func (d *dataConn) ReadFrom(r io.Reader) (int64, error) {
	file := fileRange(r)
	if file == nil || d.tls != nil {
		return copyData(struct{ io.Writer }{d}, struct{ io.Reader }{r}, d.spare)
	}
	var sent int64
	for file.N > 0 {
		_ = d.wire.TCPConn.SetWriteDeadline(time.Now().Add(d.wire.stall))
		step := min(file.N, maxWrite)
		n, err := d.wire.ReadFrom(io.LimitReader(file.R, step))
		d.moved.Add(n)
		sent += n
		file.N -= n
		if err != nil {
			return sent, d.fail(err)
		}
		if n < step {
			break // the end of the file
		}
	}
	return sent, nil
}

// fileRange returns r as what net.TCPConn sends by sendfile, nil if r is neither a file nor a
// range of one.
func fileRange(r io.Reader) *io.LimitedReader {
	limited, ok := r.(*io.LimitedReader)
	if !ok {
		limited = &io.LimitedReader{R: r, N: math.MaxInt64}
	}
	if _, isFile := limited.R.(*os.File); !isFile {
		return nil
	}
	return limited
}

func (d *dataConn) fail(err error) error {
	text := "Data connection broken."
	switch {
	case context.Cause(d.ctx) != nil:
		err = context.Cause(d.ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		text = "Data connection stalled."
	case errors.Is(err, io.ErrUnexpectedEOF):
		text = "Data connection ended without TLS close_notify."
	}
	d.err = cmp.Or[error](d.err, NewError(426, text, err))
	return d.err
}

// finish ends the connection in order: what was written still arrives, and TLS is told the end.
func (d *dataConn) finish() error {
	var err error
	if d.tls != nil {
		err = d.tls.CloseWrite()
	}
	if err == nil {
		d.stop()
		err = d.wire.Close()
	}
	if err != nil {
		return d.fail(err)
	}
	return nil
}

// cut ends the connection at once, if it has not ended.
func (d *dataConn) cut() {
	d.stop()
	_ = d.wire.Close()
}
