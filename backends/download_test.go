package backends_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// breaking is a body that ends after n bytes with err. It hides that it could write itself.
type breaking struct {
	io.ReadCloser
	n   int
	err error
}

func (r *breaking) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(len(p), r.n)])
	r.n -= n
	return n, err
}

var errReset = errors.New("connection reset by peer")

// breakEvery makes each body of b end after n bytes.
func (b *bench) breakEvery(n int, err error) {
	b.body = func(body io.ReadCloser) io.ReadCloser { return &breaking{body, n, err} }
}

func TestDownloadGoesOnWhereTheStoreBrokeOff(t *testing.T) {
	data := noise(1, 1000)
	for _, broken := range []error{errReset, io.EOF, io.ErrUnexpectedEOF, down("read")} {
		for _, every := range []int{1, 7, 333, 999} {
			for _, off := range []int64{0, 500, 999, 1000} {
				synctest.Test(t, func(t *testing.T) {
					b := newBench(t, memstore.Options{})
					b.save(t, "a", data)
					b.breakEvery(every, broken)
					r, err := b.Open(t.Context(), "a", off)
					require.NoError(t, err)
					got, err := io.ReadAll(r)
					require.NoError(t, err)
					require.True(t, bytes.Equal(data[off:], got))
					require.NoError(t, r.Close())

					r, err = b.Open(t.Context(), "a", off)
					require.NoError(t, err)
					var out bytes.Buffer
					n, err := r.WriteTo(&out)
					require.NoError(t, err)
					require.Equal(t, int64(1000)-off, n)
					require.True(t, bytes.Equal(data[off:], out.Bytes()))
					require.NoError(t, r.Close())
					b.requireClean(t)
				})
			}
		}
	}
}

func TestDownloadGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		b.save(t, "a", noise(1, 1000))
		b.breakEvery(300, errReset)
		r, err := b.Open(t.Context(), "a", 0)
		require.NoError(t, err)
		b.before = func(_ context.Context, op string, _ int) error { return down(op) }
		start := time.Now()
		got, err := io.ReadAll(r)
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.Len(t, got, 300)
		require.Equal(t, 7, b.count("ReadRange"), "one and six more")
		require.Less(t, time.Since(start), 10*time.Second)
		require.Greater(t, time.Since(start), 3*time.Second)
		_, err = r.Read(make([]byte, 1))
		require.ErrorIs(t, err, backends.ErrUnavailable)
		require.NoError(t, r.Close())
		b.requireClean(t)
	})
}

func TestDownloadIsOfOneVersion(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, b *bench){
		"replaced": func(t *testing.T, b *bench) { t.Helper(); b.save(t, "a", noise(2, 1000)) },
		"removed":  func(t *testing.T, b *bench) { t.Helper(); require.NoError(t, b.Remove(t.Context(), "a")) },
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, memstore.Options{})
			b.save(t, "a", noise(1, 1000))
			b.breakEvery(300, errReset)
			r, err := b.Open(t.Context(), "a", 0)
			require.NoError(t, err)
			change(t, b)
			got, err := io.ReadAll(r)
			require.Error(t, err)
			require.Contains(t, []backends.Kind{backends.ErrChanged, backends.ErrNotExist}, backends.KindOf(err), name)
			require.True(t, bytes.Equal(noise(1, 1000)[:300], got))
			require.Equal(t, 2, b.count("ReadRange"), "it is no use to ask again")
			require.NoError(t, r.Close())
			b.requireClean(t)
		})
	}
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		b.save(t, "a", noise(1, 1000))
		b.breakEvery(300, errReset)
		gone := errors.New("client gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		r, err := b.Open(ctx, "a", 0)
		require.NoError(t, err)
		b.before = func(_ context.Context, op string, _ int) error { return down(op) }
		done := make(chan error)
		go func() {
			_, err := io.ReadAll(r)
			done <- err
		}()
		synctest.Wait() // it backs off
		cancel(gone)
		require.ErrorIs(t, <-done, gone)
		require.NoError(t, r.Close())
		b.requireClean(t)
	})
}

func TestDownloadStopsWhenTheClientDoes(t *testing.T) {
	for _, hidden := range []bool{true, false} { // a remote body, and a local one
		b := newBench(t, memstore.Options{})
		b.save(t, "a", noise(1, 1000))
		if hidden {
			b.breakEvery(300, io.EOF)
		}
		r, err := b.Open(t.Context(), "a", 0)
		require.NoError(t, err)
		_, err = r.WriteTo(failing{})
		require.ErrorIs(t, err, errReset)
		require.Equal(t, 1, b.count("ReadRange"))
		require.NoError(t, r.Close())
		b.requireClean(t)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errReset }

func TestALocalBodyWritesItself(t *testing.T) {
	b := newBench(t, memstore.Options{})
	b.save(t, "a", noise(1, 1000))
	local := &selfWriter{}
	b.body = func(body io.ReadCloser) io.ReadCloser {
		local.ReadCloser = body
		return local
	}
	r, err := b.Open(t.Context(), "a", 100)
	require.NoError(t, err)
	var out bytes.Buffer
	n, err := r.WriteTo(&out)
	require.NoError(t, err)
	require.Equal(t, int64(900), n)
	require.True(t, local.used)

	local.short = true
	r, err = b.Open(t.Context(), "a", 0)
	require.NoError(t, err)
	_, err = r.WriteTo(io.Discard)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "never short without an error")
	b.requireClean(t)
}

type selfWriter struct {
	io.ReadCloser
	used, short bool
}

func (s *selfWriter) WriteTo(w io.Writer) (int64, error) {
	s.used = true
	if s.short {
		return io.CopyN(w, s.ReadCloser, 10)
	}
	return io.Copy(w, s.ReadCloser)
}
