package gcsstore

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// endingReader ends a context with its first bytes, and breaks the rule of those who read on after
// the call has returned.
type endingReader struct {
	*bytes.Reader
	end func()
}

func (r *endingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p[:min(len(p), 1000)])
	r.end()
	return n, err
}

// WriteTo hides that of bytes.Reader, which gives all at once.
func (r *endingReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{r})
}

// TestCutOffBodyIsNoObject ends the context of a write in the middle of its bytes: it is told at once
// and for certain that there is no object.
func TestCutOffBodyIsNoObject(t *testing.T) {
	p, d := newProxied(t)
	data := make([]byte, 1<<20)
	for range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		cut := body(data)
		cut.ReadSeeker = &endingReader{bytes.NewReader(data), cancel}
		_, err := d.Put(ctx, "a", cut, backends.WriteOptions{})
		require.ErrorIs(t, err, context.Canceled)
		for i := range data { // it is another's now; the race detector is the judge
			data[i]++
		}
	}
	keys, _ := p.left(t)
	require.Empty(t, keys)
}

// TestCancelledCommitTellsTheTruth loses interest while the store publishes the object.
func TestCancelledCommitTellsTheTruth(t *testing.T) {
	p, d := newProxied(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	p.spoil("POST a compose", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		cancel()
		forward.ServeHTTP(w, r)
	})
	_, err = u.Commit(ctx, []backends.Part{part}, whole([]byte("data")))
	require.NoError(t, err)
	require.Equal(t, []byte("data"), read(t, d, "a"))
	p.requireNoUploads(t)
}

// TestCancelledStartLeavesNoUpload loses interest while the store makes the record.
func TestCancelledStartLeavesNoUpload(t *testing.T) {
	p, d := newProxied(t)
	ctx, cancel := context.WithCancel(t.Context())
	p.spoil("INSERT .tidegate", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
		cancel()
		forward.ServeHTTP(w, r)
	})
	_, err := d.StartUpload(ctx, "a", backends.WriteOptions{})
	require.ErrorIs(t, err, context.Canceled)
	p.requireNoUploads(t)
}
