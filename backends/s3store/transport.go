package s3store

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
	// answerTimeout is for an answer's first byte, from the last byte of the request on. A
	// store writes a part to its disks in this time.
	answerTimeout = time.Minute
	// copyTimeout is the same for what the store does at length without a word: MinIO copies
	// 5 GiB in silence.
	copyTimeout = 5 * time.Minute
	// stallTimeout is for the next bytes of a body, in either direction.
	stallTimeout = time.Minute
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

// tuning is what tests change.
type tuning struct {
	minDelay, answerTimeout, copyTimeout, stallTimeout time.Duration

	transport http.RoundTripper // in place of connections; nil for these
}

func defaultTuning() tuning {
	return tuning{minDelay: minDelay, answerTimeout: answerTimeout, copyTimeout: copyTimeout, stallTimeout: stallTimeout}
}

// pools are the connections of a store: one pool for all that is answered at once, and one for
// what takes the store long.
type pools struct {
	quick, patient *httpClient
}

func newPools(tune tuning, roots *x509.CertPool) pools {
	p := pools{
		quick:   newHTTPClient(tune.answerTimeout, tune.stallTimeout, roots),
		patient: newHTTPClient(tune.copyTimeout, tune.stallTimeout, roots),
	}
	if tune.transport != nil {
		p.quick.transport, p.patient.transport = tune.transport, tune.transport
	}
	return p
}

func (p pools) close() {
	for _, c := range []*httpClient{p.quick, p.patient} {
		(&http.Client{Transport: c.transport}).CloseIdleConnections()
	}
}

// httpClient is what the SDK sends requests with. It follows no redirect: the signature
// of a request holds for one host only.
type httpClient struct {
	transport    http.RoundTripper
	stallTimeout time.Duration
}

func newHTTPClient(answer, stall time.Duration, roots *x509.CertPool) *httpClient {
	dialer := &net.Dialer{Timeout: dialTimeout}
	// HTTP/1.1 only: one connection for each body, so that none waits for another.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &httpClient{
		stallTimeout: stall,
		transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := dialer.DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return &guardedConn{Conn: conn, timeout: stall}, nil
			},
			Protocols:             protocols,
			TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:   handshakeTimeout,
			ResponseHeaderTimeout: answer,
			ExpectContinueTimeout: continueTimeout,
			IdleConnTimeout:       idleTimeout,
			MaxConnsPerHost:       maxConns,
			MaxIdleConnsPerHost:   maxIdleConns,
			WriteBufferSize:       writeBuffer,
			ReadBufferSize:        readBuffer,
			DisableCompression:    true, // objects are handed on as they are stored
		},
	}
}

// Do implements the SDK's HTTPClient.
func (c *httpClient) Do(req *http.Request) (*http.Response, error) {
	// The SDK's requests carry no protocol version. Without it the transport does not wait for
	// "100 Continue", and a refusal of a large body arrives as a reset connection.
	req.Proto, req.ProtoMajor, req.ProtoMinor = "HTTP/1.1", 1, 1

	ctx, cancel := context.WithCancelCause(req.Context())
	req = req.WithContext(ctx)
	sent := &lentBody{body: req.Body}
	if req.Body != nil {
		req.Body = sent
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		sent.takeBack()
		cancel(nil)
		return nil, err
	}
	guard := time.AfterFunc(c.stallTimeout, func() { cancel(errStalled) })
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
	if err != nil && errors.Is(context.Cause(b.ctx), errStalled) {
		err = errStalled
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

// errStalled is a body that has stopped. It is a time-out to whoever asks.
var errStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string   { return "the store has stopped sending" }
func (stalled) Timeout() bool   { return true }
func (stalled) Temporary() bool { return true }
