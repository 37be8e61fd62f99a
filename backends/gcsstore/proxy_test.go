package gcsstore

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/fakegcs"
)

// proxy stands between a driver and google, notes the requests, and spoils some of them.
type proxy struct {
	*httptest.Server
	server *fakegcs.Server
	bucket string
	google *google

	mu       sync.Mutex
	requests []request
	faults   []fault
}

// request is what a driver sent.
type request struct {
	line   string // "POST name compose ifGenerationMatch=0": the object, what is done, conditions
	query  string
	header http.Header
	body   []byte
}

// fault spoils the request it matches, as often as times says.
type fault struct {
	line  string // a beginning of request.line
	times int
	do    func(w http.ResponseWriter, r *http.Request, forward http.Handler)
}

// impatience is the time-outs of a driver that shall meet them.
const impatience = 300 * time.Millisecond

// newProxy returns a proxy of a new bucket.
func newProxy(t *testing.T) *proxy {
	t.Helper()
	server := fakegcs.Shared(t)
	p := &proxy{server: server, bucket: server.Bucket(t), google: newGoogle(t, server.Endpoint)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		place, do := p.note(r)
		body := &notedBody{ReadCloser: r.Body}
		r.Body = body
		defer func() { p.noteBody(place, body.seen.Bytes()) }()
		do(w, r, p.google)
	}))
	t.Cleanup(func() {
		p.Close()
		p.google.transport.CloseIdleConnections()
	})
	return p
}

// newProxied returns a proxy and a driver behind it.
func newProxied(t *testing.T) (*proxy, *Driver) {
	t.Helper()
	p := newProxy(t)
	return p, p.open(t, func(*Options, *tuning) {})
}

// open returns another driver behind the proxy.
func (p *proxy) open(t *testing.T, change func(*Options, *tuning)) *Driver {
	t.Helper()
	opts, tune := Options{Bucket: p.bucket, Endpoint: p.URL}, defaultTuning()
	tune.minDelay, tune.moves = 2*time.Millisecond, true
	change(&opts, &tune)
	d, err := newDriver(t.Context(), opts, tune)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

type notedBody struct {
	io.ReadCloser
	seen bytes.Buffer
}

func (b *notedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.seen.Write(p[:n])
	return n, err
}

// uploadID is what stands for "U" in the lines of requests.
var uploadID = regexp.MustCompile(`/[A-Z2-7]{26}/`)

// lineOf says in short what a request is for.
func lineOf(r *http.Request) string {
	query := r.URL.Query()
	path := r.URL.EscapedPath()
	words := []string{r.Method}
	for _, prefix := range []string{"/upload/storage/v1/b/", "/storage/v1/b/", "/"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			parts := strings.Split(rest, "/")[1:]
			if prefix != "/" && len(parts) > 0 && parts[0] == "o" {
				parts = parts[1:]
			}
			for _, part := range parts {
				part, _ = url.PathUnescape(part)
				words = append(words, part)
			}
			break
		}
	}
	if query.Has("name") {
		words[0] = "INSERT"
		words = append(words, query.Get("name"))
	}
	for _, name := range []string{"prefix", "delimiter", "pageToken", "maxResults", "ifGenerationMatch", "ifSourceGenerationMatch"} {
		if value := query.Get(name); value != "" {
			if len(value) > 12 && strings.HasPrefix(name, "if") {
				value = "G"
			}
			words = append(words, name+"="+value)
		}
	}
	return uploadID.ReplaceAllString(strings.Join(words, " "), "/U/")
}

// note records a request and returns its place and what shall be done with it.
func (p *proxy) note(r *http.Request) (int, func(http.ResponseWriter, *http.Request, http.Handler)) {
	line := lineOf(r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, request{line: line, query: r.URL.RawQuery, header: r.Header.Clone()})
	for i := range p.faults {
		if f := &p.faults[i]; f.times > 0 && strings.HasPrefix(line, f.line) {
			f.times--
			return len(p.requests) - 1, f.do
		}
	}
	return len(p.requests) - 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) { forward.ServeHTTP(w, r) }
}

func (p *proxy) noteBody(place int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if place < len(p.requests) {
		p.requests[place].body = body
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

// loseHalf cuts the connection in the middle of the request.
func loseHalf(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.CopyN(io.Discard, r.Body, 1000)
	panic(http.ErrAbortHandler)
}

// answer gives an answer in the store's place.
func answer(status int, reason, text string) func(http.ResponseWriter, *http.Request, http.Handler) {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		made := refusal(status, reason, text)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(made.Code)
		_, _ = w.Write(made.Body.Bytes())
	}
}

func body(data []byte) backends.Body {
	return backends.Body{ReadSeeker: bytes.NewReader(data), Size: int64(len(data)), Sum: backends.CRC32C.Update(0, data)}
}

func whole(data []byte) backends.CommitOptions {
	return backends.CommitOptions{Size: int64(len(data)), Sum: backends.CRC32C.Update(0, data), HasSum: true}
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

// left returns the keys of a bucket, and what is left of uploads.
func (p *proxy) left(t *testing.T) (keys, uploads []string) {
	t.Helper()
	for _, key := range p.server.Keys(t, p.bucket) {
		if strings.HasPrefix(key, uploadsPrefix) {
			uploads = append(uploads, key)
		} else {
			keys = append(keys, key)
		}
	}
	return keys, uploads
}

func (p *proxy) requireNoUploads(t *testing.T) {
	t.Helper()
	_, uploads := p.left(t)
	require.Empty(t, uploads)
}
