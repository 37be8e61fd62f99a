package gcsstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// google stands in front of fake-gcs-server and does what Google does and the emulator does not:
// it heeds the conditions of every request, the generations and the sum of a Compose, and the number
// of entries in a page, and it renames objects. One request is served at a time, so that a
// condition still holds when the emulator acts on it.
type google struct {
	forward   *httputil.ReverseProxy
	transport *http.Transport
	mu        sync.Mutex
}

func newGoogle(t *testing.T, endpoint string) *google {
	t.Helper()
	target, err := url.Parse(endpoint)
	require.NoError(t, err)
	transport := &http.Transport{}
	return &google{transport: transport, forward: &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, target.Host
		},
	}}
}

// stored is what the emulator says of an object.
type stored struct {
	Name         string
	Generation   int64  `json:",string"`
	Size         int64  `json:",string"`
	CRC32C       string `json:"crc32c"`
	StorageClass string
}

// ServeHTTP implements http.Handler. Answers are written once the next request may be served: a
// reader may take its time.
func (g *google) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // an upload that was cut off is none
	}
	answer := g.serve(r, body)
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (g *google) serve(r *http.Request, body []byte) *httptest.ResponseRecorder {
	g.mu.Lock()
	defer g.mu.Unlock()
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/storage/v1/b/")
	if !ok {
		if strings.HasPrefix(r.URL.Path, "/upload/") {
			return g.pass(r) // the emulator heeds these conditions
		}
		return g.read(r)
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i], _ = url.PathUnescape(part)
	}
	switch {
	case len(parts) == 2 && r.Method == http.MethodGet:
		return g.list(r)
	case len(parts) == 3 && parts[2] != "testPermissions":
		return g.checked(r, parts[0], parts[2], "ifGenerationMatch")
	case len(parts) == 4 && parts[3] == "compose":
		return g.compose(r, parts[0], parts[2], body)
	case len(parts) == 6 && parts[3] == "moveTo":
		return g.move(r, parts[0], parts[2], parts[5])
	case len(parts) == 8 && parts[3] == "rewriteTo":
		if refusal := g.condition(r, parts[0], parts[2], "ifSourceGenerationMatch"); refusal != nil {
			return refusal
		}
		return g.checked(r, parts[5], parts[7], "ifGenerationMatch")
	}
	return g.pass(r)
}

func (g *google) pass(r *http.Request) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	g.forward.ServeHTTP(answer, r.WithContext(context.WithoutCancel(r.Context()))) // a store finishes what it has begun
	return answer
}

// ask has the emulator answer a request of this handler's own.
func (g *google) ask(method, path, body string) *httptest.ResponseRecorder {
	return g.pass(httptest.NewRequest(method, path, strings.NewReader(body)))
}

func objectPath(bucket, name string) string {
	return "/storage/v1/b/" + bucket + "/o/" + url.PathEscape(name)
}

// current describes the object that is there now, nil for none.
func (g *google) current(bucket, name string) *stored {
	answer := g.ask(http.MethodGet, objectPath(bucket, name), "")
	if answer.Code != http.StatusOK {
		return nil
	}
	var object stored
	if json.Unmarshal(answer.Body.Bytes(), &object) != nil {
		return nil
	}
	return &object
}

func refusal(status int, reason, text string) *httptest.ResponseRecorder {
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "application/json")
	answer.WriteHeader(status)
	fmt.Fprintf(answer, `{"error": {"code": %d, "message": %q, "errors": [{"reason": %q, "message": %q}]}}`, status, text, reason, text)
	return answer
}

// condition returns the refusal of a request whose condition on an object does not hold, nil if it does.
func (g *google) condition(r *http.Request, bucket, name, parameter string) *httptest.ResponseRecorder {
	query := r.URL.Query()
	if !query.Has(parameter) {
		return nil
	}
	return g.match(bucket, name, query.Get(parameter), parameter == "ifGenerationMatch" && r.Method == http.MethodPost)
}

// match holds a generation against the object that is there. A write onto none does not match, all
// else finds nothing.
func (g *google) match(bucket, name, want string, write bool) *httptest.ResponseRecorder {
	now := int64(0)
	if object := g.current(bucket, name); object != nil {
		now = object.Generation
	} else if want != "0" && !write {
		return refusal(http.StatusNotFound, "notFound", "No such object: "+bucket+"/"+name)
	}
	if want != strconv.FormatInt(now, 10) {
		return refusal(http.StatusPreconditionFailed, "conditionNotMet", "At least one of the pre-conditions you specified did not hold.")
	}
	return nil
}

func (g *google) checked(r *http.Request, bucket, name, parameter string) *httptest.ResponseRecorder {
	if refusal := g.condition(r, bucket, name, parameter); refusal != nil {
		return refusal
	}
	return g.pass(r)
}

func (g *google) read(r *http.Request) *httptest.ResponseRecorder {
	bucket, name, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	name, _ = url.PathUnescape(name)
	if want := r.Header.Get("X-Goog-If-Generation-Match"); want != "" {
		if refusal := g.match(bucket, name, want, false); refusal != nil {
			return refusal
		}
	}
	return g.pass(r)
}

func (g *google) compose(r *http.Request, bucket, name string, body []byte) *httptest.ResponseRecorder {
	var request struct {
		Destination   struct{ CRC32C string }
		SourceObjects []struct {
			Name       string
			Generation int64 `json:",string"`
		}
	}
	if err := json.Unmarshal(body, &request); err != nil || len(request.SourceObjects) == 0 || len(request.SourceObjects) > maxSources {
		return refusal(http.StatusBadRequest, "invalid", "1 to 32 source objects are to be given")
	}
	if refusal := g.condition(r, bucket, name, "ifGenerationMatch"); refusal != nil {
		return refusal
	}
	sum := uint64(0)
	for _, from := range request.SourceObjects {
		object := g.current(bucket, from.Name)
		if object == nil || from.Generation != 0 && from.Generation != object.Generation {
			return refusal(http.StatusNotFound, "notFound", "No such object: "+bucket+"/"+from.Name)
		}
		crc, err := base64.StdEncoding.DecodeString(object.CRC32C)
		if err != nil || len(crc) != 4 {
			return refusal(http.StatusInternalServerError, "internalError", "no sum of "+from.Name)
		}
		sum = backends.CRC32C.Combine(sum, uint64(binary.BigEndian.Uint32(crc)), object.Size)
	}
	if want := request.Destination.CRC32C; want != "" && want != encodeSum(sum) {
		return refusal(http.StatusBadRequest, "invalid", "Provided CRC32C does not match the composed object's")
	}
	return g.pass(r)
}

func (g *google) move(r *http.Request, bucket, from, to string) *httptest.ResponseRecorder {
	if refusal := g.condition(r, bucket, from, "ifSourceGenerationMatch"); refusal != nil {
		return refusal
	}
	if refusal := g.condition(r, bucket, to, "ifGenerationMatch"); refusal != nil {
		return refusal
	}
	answer := g.ask(http.MethodPost, objectPath(bucket, from)+"/rewriteTo/b/"+bucket+"/o/"+url.PathEscape(to), "")
	if answer.Code != http.StatusOK {
		return answer
	}
	g.ask(http.MethodDelete, objectPath(bucket, from), "")
	return g.ask(http.MethodGet, objectPath(bucket, to), "")
}

// list counts prefixes like objects, and gives each once and in its place.
func (g *google) list(r *http.Request) *httptest.ResponseRecorder {
	query := r.URL.Query()
	all := g.ask(http.MethodGet, r.URL.EscapedPath()+"?"+url.Values{"prefix": query["prefix"]}.Encode(), "")
	var listing struct{ Items []json.RawMessage }
	if all.Code != http.StatusOK || json.Unmarshal(all.Body.Bytes(), &listing) != nil {
		return all
	}
	type entry struct {
		key    string
		object json.RawMessage // nil for a prefix
	}
	var entries []entry
	for _, item := range listing.Items {
		var object stored
		_ = json.Unmarshal(item, &object)
		e := entry{object.Name, item}
		below := strings.TrimPrefix(e.key, query.Get("prefix"))
		if first, _, ok := strings.Cut(below, "/"); ok && query.Get("delimiter") == "/" {
			e = entry{query.Get("prefix") + first + "/", nil}
		}
		if e.key >= query.Get("pageToken") {
			entries = append(entries, e)
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	entries = slices.CompactFunc(entries, func(a, b entry) bool { return a.key == b.key })
	var page struct {
		Items         []json.RawMessage `json:"items,omitempty"`
		Prefixes      []string          `json:"prefixes,omitempty"`
		NextPageToken string            `json:"nextPageToken,omitempty"`
	}
	if most, err := strconv.Atoi(query.Get("maxResults")); err == nil && most < len(entries) {
		page.NextPageToken = entries[most].key
		entries = entries[:most]
	}
	for _, e := range entries {
		if e.object == nil {
			page.Prefixes = append(page.Prefixes, e.key)
		} else {
			page.Items = append(page.Items, e.object)
		}
	}
	answer := httptest.NewRecorder()
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(page)
	return answer
}
