// Package transport is the HTTP client of the drivers whose stores are far away: connections that
// are used again, bodies that end when they stall, and the bytes of a request that are nobody's
// once it is over.
package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	dialTimeout      = 5 * time.Second // two lost SYNs, which come again after 1 and 3 s
	handshakeTimeout = 10 * time.Second
	// continueTimeout is how long a large body waits for the store's leave to be sent: a round
	// trip to another continent. A store that does not know of "100-continue" gets it then.
	continueTimeout = 300 * time.Millisecond
	// idleTimeout is below the time after which stores and load balancers drop a connection.
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

const (
	// AnswerTimeout is for an answer's first byte, from the last byte of the request on. A
	// store writes a part to its disks in this time.
	AnswerTimeout = time.Minute
	// CopyTimeout is the same for what a store does at length without a word: MinIO copies
	// 5 GiB in silence.
	CopyTimeout = 5 * time.Minute
	// StallTimeout is for the next bytes of a body, in either direction.
	StallTimeout = time.Minute
)

// Options tunes a Client. The timeouts have to be set.
type Options struct {
	AnswerTimeout, StallTimeout time.Duration

	// Own reports whether an answer of success is the store's own: a proxy between it and here, or
	// a network that wants one to log in, answers 200 with a page of theirs. nil for any.
	Own func(*http.Response) bool

	RootCAs *x509.CertPool    // nil for the system's
	Instead http.RoundTripper // of connections, for tests; nil for connections
}

// Client sends requests. It follows no redirect: the signature of a request holds for one host
// only. Its methods may be called concurrently.
type Client struct {
	http         http.RoundTripper
	own          func(*http.Response) bool
	stallTimeout time.Duration
}

// New returns a Client.
func New(opts Options) *Client {
	c := &Client{http: opts.Instead, own: opts.Own, stallTimeout: opts.StallTimeout}
	if c.http == nil {
		c.http = connections(opts)
	}
	return c
}

func connections(opts Options) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout}
	// HTTP/1.1 only: one connection for each body, so that none waits for another.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &guardedConn{Conn: conn, timeout: opts.StallTimeout}, nil
		},
		Protocols:             protocols,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: opts.RootCAs},
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: opts.AnswerTimeout,
		ExpectContinueTimeout: continueTimeout,
		IdleConnTimeout:       idleTimeout,
		MaxConnsPerHost:       maxConns,
		MaxIdleConnsPerHost:   maxIdleConns,
		WriteBufferSize:       writeBuffer,
		ReadBufferSize:        readBuffer,
		DisableCompression:    true, // objects are handed on as they are stored
	}
}

// CloseIdleConnections closes the connections that no request uses.
func (c *Client) CloseIdleConnections() {
	(&http.Client{Transport: c.http}).CloseIdleConnections()
}

// RoundTrip implements http.RoundTripper. The request's body is not touched any more once it has
// returned an error, or once the answer's body is closed.
func (c *Client) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.WithContext(ctx)
	req.GetBody = nil // net/http would read the bytes again past lentBody; those who retry rewind themselves
	sent := &lentBody{body: req.Body}
	if req.Body != nil {
		req.Body = sent
	}
	resp, err := c.http.RoundTrip(req)
	if err != nil {
		sent.takeBack()
		cancel(nil)
		return nil, err
	}
	if success := resp.StatusCode/100 == 2; success && c.own != nil && !c.own(resp) {
		sent.takeBack()
		cancel(nil)
		_ = resp.Body.Close()
		return nil, ErrForeign
	}
	guard := time.AfterFunc(c.stallTimeout, func() { cancel(ErrStalled) })
	guard.Stop()
	resp.Body = &answerBody{ReadCloser: resp.Body, sent: sent, guard: guard, timeout: c.stallTimeout, ctx: ctx, cancel: cancel}
	return resp, nil
}

// answerBody is the body of an answer. It ends when it stalls; only a Read that waits counts,
// so that the reader may take as long as it likes between two of them. With it ends its request.
type answerBody struct {
	io.ReadCloser
	sent    *lentBody
	guard   *time.Timer
	timeout time.Duration
	ctx     context.Context // of the request
	cancel  context.CancelCauseFunc
}

func (b *answerBody) Read(p []byte) (int, error) {
	b.guard.Reset(b.timeout)
	n, err := b.ReadCloser.Read(p)
	b.guard.Stop()
	if err != nil && errors.Is(context.Cause(b.ctx), ErrStalled) {
		err = ErrStalled
	}
	return n, err
}

func (b *answerBody) Close() error {
	b.sent.takeBack()
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

// ErrForeign is an answer that is not the store's. What was asked of the store has not reached it,
// or may have: nobody knows.
var ErrForeign = errors.New("something between here and the store has answered in its place")

// ErrStalled is a body that has stopped. It is a time-out to whoever asks.
var ErrStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string   { return "the store has stopped sending" }
func (stalled) Timeout() bool   { return true }
func (stalled) Temporary() bool { return true }
