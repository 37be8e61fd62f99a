package azstore

import (
	"io"
	"math"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// page answers as a proxy does, or a network that wants one to log in: 200, and a page of its own.
func page(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, "<html><body>Please log in.</body></html>")
}

// TestPagesInPlaceOfAnswers has something else answer in the store's place: once, which is asked
// again, and for good, which is believed in nothing.
func TestPagesInPlaceOfAnswers(t *testing.T) {
	p, d := newProxy(t)
	p.spoil("PUT /a", 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) { page(w, r) })
	before := put(t, d, "a", []byte("before"))
	calls := map[string]func() error{
		"check": func() error { return d.Check(t.Context()) },
		"stat":  func() error { _, err := d.Stat(t.Context(), "a"); return err },
		"read": func() error {
			body, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
			if err == nil {
				err = body.Close()
			}
			return err
		},
		"list":     func() error { _, err := d.ListPage(t.Context(), backends.ListOptions{}); return err },
		"list all": func() error { _, err := d.ListPage(t.Context(), backends.ListOptions{Recursive: true}); return err },
		"put": func() error {
			_, err := d.Put(t.Context(), "b", body([]byte("data")), backends.WriteOptions{})
			return err
		},
		"copy": func() error { _, err := d.Copy(t.Context(), "c", before, backends.WriteOptions{}); return err },
		"copy over": func() error {
			_, err := d.Copy(t.Context(), "b", before, backends.WriteOptions{IfAbsent: true})
			return err
		},
		"delete": func() error { return d.Delete(t.Context(), backends.Targets("a")) },
		"delete some": func() error {
			return d.Delete(t.Context(), backends.Targets("a", "none"))
		},
		"upload": func() error {
			u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{})
			if err != nil {
				return err
			}
			part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
			if err != nil {
				return err
			}
			_, err = u.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
			return err
		},
	}
	var pages atomic.Bool
	p.spoil("", math.MaxInt, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		if pages.Load() {
			page(w, r)
		} else {
			forward.ServeHTTP(w, r)
		}
	})
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			pages.Store(true)
			err := call()
			pages.Store(false)
			require.Error(t, err)
			require.NotErrorIs(t, err, backends.ErrNotExist)
			require.NotErrorIs(t, err, backends.ErrChanged)
		})
	}
	require.Equal(t, "before", read(t, d, "a"))
	requireAbsent(t, d, "b")
	requireAbsent(t, d, "c")
}
