package s3store

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/minio"
)

// proxy stands between a driver and MinIO, notes the requests, and spoils some of them.
type proxy struct {
	*httptest.Server
	opts Options // of a driver behind it
	// serve stands between the faults and the store; it forwards by default.
	serve func(w http.ResponseWriter, r *http.Request, forward http.Handler)

	mu       sync.Mutex
	requests []request
	faults   []fault
}

// request is what a driver sent.
type request struct {
	line   string // "PUT /key?partNumber=1&uploadId=…", without the bucket
	header http.Header
	size   int64 // bytes of the body
}

// fault spoils the request it matches, as often as times says.
type fault struct {
	line  string // a beginning of request.line
	times int
	do    func(w http.ResponseWriter, r *http.Request, forward http.Handler)
}

// impatience is the time-outs of a driver that shall meet them.
const impatience = 300 * time.Millisecond

// newProxy returns a proxy and a driver of a new bucket behind it.
func newProxy(t *testing.T) (*proxy, *Driver) {
	t.Helper()
	p := startProxy(t)
	return p, p.open(t, func(*Options, *tuning) {})
}

func startProxy(t *testing.T) *proxy {
	t.Helper()
	server := minio.Shared(t)
	p := &proxy{opts: optionsFor(server, server.Bucket(t))}
	p.serve = func(w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) }
	target, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // it is signed
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &countingBody{ReadCloser: r.Body}
		r.Body = body
		line, do := p.note(r)
		do(w, r, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, forward) }))
		p.noteSize(line, body.count.Load())
	}))
	t.Cleanup(p.Close)
	p.opts.Endpoint = p.URL
	return p
}

// open returns another driver behind the proxy.
func (p *proxy) open(t *testing.T, change func(*Options, *tuning)) *Driver {
	t.Helper()
	opts, tune := p.opts, defaultTuning()
	tune.minDelay = 2 * time.Millisecond
	change(&opts, &tune)
	d, err := newDriver(t.Context(), opts, tune)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// openWith returns another driver, which has bodies verified by checksum.
func (p *proxy) openWith(t *testing.T, checksum string) *Driver {
	t.Helper()
	return p.open(t, func(opts *Options, _ *tuning) { opts.Checksum = checksum })
}

// openImpatient returns another driver, which does not wait long.
func (p *proxy) openImpatient(t *testing.T) *Driver {
	t.Helper()
	return p.open(t, func(_ *Options, tune *tuning) { tune.answerTimeout, tune.stallTimeout = impatience, impatience })
}

type countingBody struct {
	io.ReadCloser
	count atomic.Int64 // a transport may read on after it has returned
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.count.Add(int64(n))
	return n, err
}

// note records a request and returns its place and what shall be done with it.
func (p *proxy) note(r *http.Request) (int, func(http.ResponseWriter, *http.Request, http.Handler)) {
	line := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/"+p.opts.Bucket)
	query := r.URL.Query()
	query.Del("x-id") // the SDK's name of the operation
	if query.Has("uploadId") {
		query.Set("uploadId", "U")
	}
	if len(query) > 0 {
		text, _ := url.QueryUnescape(query.Encode())
		line += "?" + strings.TrimSuffix(text, "=")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request{line: line, header: r.Header.Clone()})
	for i := range p.faults {
		if f := &p.faults[i]; f.times > 0 && strings.HasPrefix(line, f.line) {
			f.times--
			return len(p.requests) - 1, f.do
		}
	}
	return len(p.requests) - 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) }
}

func (p *proxy) noteSize(place int, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if place < len(p.requests) {
		p.requests[place].size = size
	}
}

// seen returns the requests since the last time.
func (p *proxy) seen() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	seen := p.requests
	p.requests = nil
	return seen
}

func (p *proxy) lines() []string {
	var lines []string
	for _, r := range p.seen() {
		lines = append(lines, r.line)
	}
	return lines
}

// spoil does a fault to the next requests that begin with line.
func (p *proxy) spoil(line string, times int, do func(http.ResponseWriter, *http.Request, http.Handler)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, fault{line, times, do})
}

// loseAnswer has the store do what is asked, and cuts the connection in place of the answer.
func loseAnswer(_ http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// mangleAnswer has the store do what is asked, and a proxy on the way answer that it could not.
func mangleAnswer(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	forward.ServeHTTP(httptest.NewRecorder(), r)
	w.WriteHeader(http.StatusBadGateway)
}

// loseRequest cuts the connection before the store has heard anything.
func loseRequest(http.ResponseWriter, *http.Request, http.Handler) { panic(http.ErrAbortHandler) }

// corrupt turns one bit of the body.
func corrupt(w http.ResponseWriter, r *http.Request, forward http.Handler) {
	data, err := io.ReadAll(r.Body)
	if err != nil || len(data) == 0 {
		panic(http.ErrAbortHandler)
	}
	data[len(data)/2] ^= 1
	r.Body = io.NopCloser(bytes.NewReader(data))
	forward.ServeHTTP(w, r)
}

// answer gives an answer in the store's place.
func answer(status int, code string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>made up</Message></Error>", code)
	}
}

func body(data []byte) backends.Body {
	return backends.Body{ReadSeeker: bytes.NewReader(data), Size: int64(len(data)), Sum: backends.CRC64NVME.Update(0, data)}
}

// whole says of an upload that it shall hold exactly data.
func whole(data []byte) backends.CommitOptions {
	return backends.CommitOptions{Size: int64(len(data)), Sum: backends.CRC64NVME.Update(0, data), HasSum: true}
}

func put(t *testing.T, d *Driver, key string, data []byte) backends.Info {
	t.Helper()
	info, err := d.Put(t.Context(), key, body(data), backends.WriteOptions{})
	require.NoError(t, err)
	return info
}

func read(t *testing.T, d *Driver, key string) []byte {
	t.Helper()
	content, _, err := d.ReadRange(t.Context(), key, "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	data, err := io.ReadAll(content)
	require.NoError(t, err)
	return data
}

func requireAbsent(t *testing.T, d *Driver, key string) {
	t.Helper()
	_, err := d.Stat(t.Context(), key)
	require.ErrorIs(t, err, backends.ErrNotExist)
}

// requireNoUploads asks the store itself.
func requireNoUploads(t *testing.T, d *Driver) {
	t.Helper()
	_, uploads := left(t, minio.Shared(t), d.opts.Bucket)
	require.Empty(t, uploads)
}
