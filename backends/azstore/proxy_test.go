package azstore

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

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/azurite"
)

// proxy stands between a driver and Azurite, notes the requests, and spoils some of them.
type proxy struct {
	*httptest.Server
	opts Options // of a driver behind it

	mu       sync.Mutex
	requests []request
	faults   []fault
}

// request is what a driver sent.
type request struct {
	line   string // "PUT /key?comp=block", without account, container and what differs each time
	header http.Header
	size   int64 // bytes of the body
}

// fault spoils the request it matches, as often as times says.
type fault struct {
	line  string // a beginning of request.line
	times int
	do    deed
}

type deed func(w http.ResponseWriter, r *http.Request, forward http.Handler)

// impatience is the time-outs of a driver that shall meet them.
const impatience = 300 * time.Millisecond

// newProxy returns a proxy and a driver of a new container behind it.
func newProxy(t *testing.T) (*proxy, *Driver) {
	t.Helper()
	server := azurite.Shared(t)
	p := &proxy{opts: optionsFor(server, server.Container(t))}
	target, err := url.Parse(server.Endpoint)
	require.NoError(t, err)
	forward := &httputil.ReverseProxy{
		Transport: &http.Transport{DisableKeepAlives: true},
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
			r.Out.Host = r.In.Host // it is compared with that of a copy's source
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := &countingBody{ReadCloser: r.Body}
		r.Body = body
		place, do := p.note(r)
		do(w, r, forward)
		p.noteSize(place, body.count.Load())
	}))
	t.Cleanup(p.Close)
	p.opts.Endpoint = p.URL + target.Path
	return p, p.open(t, func(*Options, *tuning) {})
}

// open returns another driver behind the proxy.
func (p *proxy) open(t *testing.T, change func(*Options, *tuning)) *Driver {
	t.Helper()
	opts, tune := p.opts, defaultTuning()
	tune.minDelay = 2 * time.Millisecond
	change(&opts, &tune)
	d, err := newDriver(opts, tune)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
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
func (p *proxy) note(r *http.Request) (int, deed) {
	line := r.Method + " " + strings.TrimPrefix(r.URL.Path, "/"+p.opts.Account+"/"+p.opts.Container)
	query := url.Values{}
	for _, name := range []string{"comp", "blocklisttype", "prefix", "delimiter", "mode"} {
		if value := r.URL.Query().Get(name); value != "" {
			query.Set(name, value)
		}
	}
	if len(query) > 0 {
		text, _ := url.QueryUnescape(query.Encode())
		line += "?" + text
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

// spoil does a deed to the next requests that begin with line.
func (p *proxy) spoil(line string, times int, do deed) {
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

// answering gives an answer in the store's place.
func answering(status int, code string) deed {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("X-Ms-Error-Code", code)
		w.Header().Set("X-Ms-Request-Id", "made-up")
		w.WriteHeader(status)
		// As Azure does, the answer repeats what it was asked.
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s %s</Message></Error>", code, r.URL.RawQuery, r.Header.Get("Authorization"))
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

// upload writes key in parts of the given sizes.
func putParts(t *testing.T, d *Driver, key string, opts backends.WriteOptions, parts ...string) backends.Info {
	t.Helper()
	u, err := d.StartUpload(t.Context(), key, opts)
	require.NoError(t, err)
	commit := backends.CommitOptions{Size: opts.BaseSize}
	var stored []backends.Part
	for i, data := range parts {
		part, err := u.PutPart(t.Context(), i+1, body([]byte(data)))
		require.NoError(t, err)
		stored, commit.Size = append(stored, part), commit.Size+part.Size
	}
	info, err := u.Commit(t.Context(), stored, commit)
	require.NoError(t, err)
	return info
}

func read(t *testing.T, d *Driver, key string) string {
	t.Helper()
	content, _, err := d.ReadRange(t.Context(), key, "", 0, -1)
	require.NoError(t, err)
	defer content.Close()
	data, err := io.ReadAll(content)
	require.NoError(t, err)
	return string(data)
}

func requireAbsent(t *testing.T, d *Driver, key string) {
	t.Helper()
	_, err := d.Stat(t.Context(), key)
	require.ErrorIs(t, err, backends.ErrNotExist)
}

func nopCloser(data string) io.ReadSeekCloser { return streaming.NopCloser(strings.NewReader(data)) }
