package integration

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/azurite"
	"github.com/tidegate/tidegate/integration/fakegcs"
	"github.com/tidegate/tidegate/integration/minio"
)

// lake is a real store of one kind, empty at first.
type lake struct {
	kind     string // "s3"
	endpoint string // of its HTTP API; "" for a directory
	entry    string // of the configuration, {{endpoint}} in it
}

// lakeKinds are all kinds of stores.
var lakeKinds = []string{"s3", "gcs", "azure", "local"}

func newLake(t *testing.T, kind string) *lake {
	t.Helper()
	switch kind {
	case "s3":
		server := minio.Shared(t)
		return &lake{kind, server.Endpoint, "{ name: lake, type: s3, bucket: " + server.Bucket(t) +
			", endpoint: \"{{endpoint}}\", region: us-east-1, path_style: true, access_key: " + server.AccessKey + ", secret_key: " + server.SecretKey + " }"}
	case "gcs":
		server := fakegcs.Shared(t)
		return &lake{kind, server.Endpoint, "{ name: lake, type: gcs, bucket: " + server.Bucket(t) + ", endpoint: \"{{endpoint}}\" }"}
	case "azure":
		server := azurite.Shared(t)
		return &lake{kind, server.Endpoint, "{ name: lake, type: azure, container: " + server.Container(t) +
			", endpoint: \"{{endpoint}}\", account: " + server.Account + ", account_key: \"" + server.Key + "\" }"}
	case "local":
		return &lake{kind, "", "{ name: lake, type: local, path: \"" + filepath.Join(t.TempDir(), "lake") + "\" }"}
	}
	require.Fail(t, "no such kind of store", kind)
	return nil
}

// settings points a gateway at the lake.
func (l *lake) settings() settings {
	return settings{Lake: strings.ReplaceAll(l.entry, "{{endpoint}}", l.endpoint)}
}

// watch puts handler between a gateway with the returned settings and the lake; it is given
// each request before the lake is.
func (l *lake) watch(t *testing.T, see func(r *http.Request)) settings {
	t.Helper()
	if l.endpoint == "" {
		return l.settings()
	}
	target, err := url.Parse(l.endpoint)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host
		if r.In.Header.Get("Authorization") == "" { // else the host is signed
			r.Out.Host = target.Host
		}
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		see(r)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	watched := *l
	watched.endpoint = front.URL + target.Path
	return watched.settings()
}

// requestLog keeps what a lake was asked.
type requestLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *requestLog) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// take returns the lines since the last take.
func (l *requestLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := l.lines
	l.lines = nil
	return lines
}
