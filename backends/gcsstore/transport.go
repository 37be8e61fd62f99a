package gcsstore

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout      = 5 * time.Second // two lost SYNs, which come again after 1 and 3 s
	handshakeTimeout = 10 * time.Second
	// answerTimeout is for an answer's first byte, from the last byte of the request on. A copy
	// of a large object answers by and by, each time well within it.
	answerTimeout = time.Minute
	// stallTimeout is for the next bytes of a body, in either direction.
	stallTimeout = time.Minute
	// idleTimeout is below the time after which load balancers drop a connection.
	idleTimeout = 50 * time.Second

	// maxConns bounds the file descriptors of a store. A slow download holds one for its whole
	// length, so this is far above what moves data at one time.
	maxConns = 2048
	// maxIdleConns is what a burst of small uploads finds open again.
	maxIdleConns = 128

	// The buffers of a connection: whole system calls for bodies, little for idle connections.
	writeBuffer = 64 << 10
	readBuffer  = 16 << 10
	// stallChunk is how much is written under one deadline.
	stallChunk = 1 << 20
)

// tuning is what tests change.
type tuning struct {
	minDelay, answerTimeout, stallTimeout time.Duration

	moves bool // the Endpoint renames objects as Google does
}

func defaultTuning() tuning {
	return tuning{minDelay: minDelay, answerTimeout: answerTimeout, stallTimeout: stallTimeout}
}

// transport is what the libraries send requests with: it adds the token, and ends what stalls.
type transport struct {
	http         *http.Transport
	identity     *identity // nil for anonymous requests
	stallTimeout time.Duration
}

func newTransport(tune tuning) *transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	// HTTP/1.1 only: one connection for each body, so that none waits for another.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &transport{
		stallTimeout: tune.stallTimeout,
		http: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return &guardedConn{Conn: conn, timeout: tune.stallTimeout}, nil
			},
			Protocols:             protocols,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout:   handshakeTimeout,
			ResponseHeaderTimeout: tune.answerTimeout,
			IdleConnTimeout:       idleTimeout,
			MaxConnsPerHost:       maxConns,
			MaxIdleConnsPerHost:   maxIdleConns,
			WriteBufferSize:       writeBuffer,
			ReadBufferSize:        readBuffer,
			DisableCompression:    true, // objects are handed on as they are stored
		},
	}
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.Clone(ctx)
	if t.identity != nil {
		if err := t.identity.authorize(req); err != nil {
			cancel(nil)
			if req.Body != nil {
				_ = req.Body.Close()
			}
			return nil, err
		}
	}
	resp, err := t.http.RoundTrip(req)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	guard := time.AfterFunc(t.stallTimeout, func() { cancel(errStalled) })
	guard.Stop()
	resp.Body = &answerBody{ReadCloser: resp.Body, guard: guard, timeout: t.stallTimeout, ctx: ctx, cancel: cancel}
	return resp, nil
}

// answerBody is the body of an answer. It ends when it stalls; only a Read that waits counts,
// so that the reader may take as long as it likes between two of them. With it ends its request.
type answerBody struct {
	io.ReadCloser
	guard   *time.Timer
	timeout time.Duration
	ctx     context.Context // of the request
	cancel  context.CancelCauseFunc
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.guard.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.guard.Stop()
	if err != nil && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// guardedConn ends a connection whose peer takes nothing more.
type guardedConn struct {
	net.Conn
	timeout time.Duration
}

func (c *guardedConn) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:min(written+stallChunk, len(p))])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
	}
}

// errStalled is a body that has stopped. It is a time-out to whoever asks.
var errStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string   { return "the store has stopped sending" }
func (stalled) Timeout() bool   { return true }
func (stalled) Temporary() bool { return true }
