package transport

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func newClient(t *testing.T, stall time.Duration) *Client {
	t.Helper()
	c := New(Options{AnswerTimeout: time.Minute, StallTimeout: stall})
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func send(t *testing.T, c *Client, method, url string, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	require.NoError(t, err)
	return c.RoundTrip(req)
}

// watched is a body of zeros that does not end, and tells of reads after it was given back.
type watched struct{ over, late atomic.Bool }

func (w *watched) Read(p []byte) (int, error) {
	if w.over.Load() {
		w.late.Store(true)
	}
	clear(p)
	return len(p), nil
}

func TestBodyIsNotReadOnceTheRequestIsOver(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	for name, handler := range map[string]http.HandlerFunc{
		"an early answer": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"a lost one":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			c := New(Options{AnswerTimeout: time.Minute, StallTimeout: time.Minute})
			defer c.CloseIdleConnections()
			body := new(watched)
			resp, err := send(t, c, http.MethodPut, serve(t, handler), body)
			if err == nil {
				require.NoError(t, resp.Body.Close())
			}
			body.over.Store(true)
			c.CloseIdleConnections()
			require.False(t, body.late.Load())
		})
	}
}

func TestStalledAnswerEnds(t *testing.T) {
	c := newClient(t, 50*time.Millisecond)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	resp, err := send(t, c, http.MethodGet, url, nil)
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	require.Equal(t, "some", string(got))
	require.ErrorIs(t, err, ErrStalled)
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.NoError(t, resp.Body.Close())
}

func TestStalledRequestEnds(t *testing.T) {
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close() // it accepts, and reads nothing
	resp, err := send(t, newClient(t, 50*time.Millisecond), http.MethodPut, "http://"+listener.Addr().String(), new(watched))
	if err == nil {
		require.NoError(t, resp.Body.Close())
	}
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func TestBodiesAreHandedOnAsTheyAre(t *testing.T) {
	c := newClient(t, time.Minute)
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "" {
			http.Error(w, "a client that would unpack", http.StatusBadRequest)
			return
		}
		_, _ = io.Copy(w, r.Body)
	})
	resp, err := send(t, c, http.MethodPost, url, strings.NewReader("the bytes"))
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, "the bytes", string(got))
}
