package backends_test

import (
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hooked is a driver whose calls a test counts, holds up and fails.
type hooked struct {
	backends.Driver
	before func(ctx context.Context, op string, n int) error // n counts the calls of op from 1
	after  func(op string)
	body   func(io.ReadCloser) io.ReadCloser // wraps what ReadRange returns

	mu    sync.Mutex
	calls map[string]int
}

func (h *hooked) hook(ctx context.Context, op string) (done func(), err error) {
	h.mu.Lock()
	if h.calls == nil {
		h.calls = make(map[string]int)
	}
	h.calls[op]++
	n := h.calls[op]
	h.mu.Unlock()
	if h.before != nil {
		err = h.before(ctx, op, n)
	}
	return func() {
		if h.after != nil {
			h.after(op)
		}
	}, err
}

func (h *hooked) count(op string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls[op]
}

func (h *hooked) ListPage(ctx context.Context, opts backends.ListOptions) (backends.Page, error) {
	done, err := h.hook(ctx, "ListPage")
	defer done()
	if err != nil {
		return backends.Page{}, err
	}
	return h.Driver.ListPage(ctx, opts)
}

func (h *hooked) ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, backends.Info, error) {
	done, err := h.hook(ctx, "ReadRange")
	defer done()
	if err != nil {
		return nil, backends.Info{}, err
	}
	body, info, err := h.Driver.ReadRange(ctx, key, version, off, n)
	if err == nil && h.body != nil {
		body = h.body(body)
	}
	return body, info, err
}

func (h *hooked) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	done, err := h.hook(ctx, "Put")
	defer done()
	if err != nil {
		return backends.Info{}, err
	}
	return h.Driver.Put(ctx, key, body, opts)
}

func (h *hooked) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	done, err := h.hook(ctx, "StartUpload")
	defer done()
	if err != nil {
		return nil, err
	}
	u, err := h.Driver.StartUpload(ctx, key, opts)
	return &hookedUpload{u, h}, err
}

func (h *hooked) Copy(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	done, err := h.hook(ctx, "Copy")
	defer done()
	if err != nil {
		return backends.Info{}, err
	}
	return h.Driver.Copy(ctx, dst, src, opts)
}

func (h *hooked) Delete(ctx context.Context, targets []backends.Target) error {
	done, err := h.hook(ctx, "Delete")
	defer done()
	if err != nil {
		return err
	}
	return h.Driver.Delete(ctx, targets)
}

type hookedUpload struct {
	backends.Upload
	h *hooked
}

func (u *hookedUpload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	done, err := u.h.hook(ctx, "PutPart")
	defer done()
	if err != nil {
		return backends.Part{}, err
	}
	return u.Upload.PutPart(ctx, number, body)
}

func (u *hookedUpload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	done, err := u.h.hook(ctx, "Commit")
	defer done()
	if err != nil {
		return backends.Info{}, err
	}
	return u.Upload.Commit(ctx, parts, opts)
}

func (u *hookedUpload) Abort(ctx context.Context) error {
	done, err := u.h.hook(ctx, "Abort")
	defer done()
	if err != nil {
		return err
	}
	return u.Upload.Abort(ctx)
}

// gauge counts what goes on at once.
type gauge struct {
	mu        sync.Mutex
	now, most int
}

func (g *gauge) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now++
	g.most = max(g.most, g.now)
}

func (g *gauge) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now--
}

// down is what a driver says of a store that cannot be reached.
func down(op string) error {
	return backends.NewError(op, "", backends.ErrUnavailable, nil)
}

const (
	partSize = 128 << 10
	budget   = 16 * backends.ChunkSize * 4
)

// bench is a Store over a memstore with small parts and a small budget.
type bench struct {
	*backends.Store
	*hooked
	memory *backends.Memory
	mem    *memstore.Driver
}

func newBench(t *testing.T, opts memstore.Options) *bench {
	t.Helper()
	b := &bench{mem: memstore.New(opts), memory: backends.NewTinyMemory(budget)}
	b.hooked = &hooked{Driver: b.mem}
	b.Store = backends.NewStore("test", b.hooked, backends.StoreOptions{Memory: b.memory, PartSize: partSize})
	return b
}

// requireClean closes the store, and fails unless memory and store are free of uploads.
func (b *bench) requireClean(t *testing.T) {
	t.Helper()
	require.NoError(t, b.Close())
	b.memory.RequireAllFree(t, budget)
	_, uploads := b.mem.Left()
	require.Empty(t, uploads)
}

func (b *bench) save(t *testing.T, key string, data []byte) backends.Info {
	t.Helper()
	w, err := b.Create(t.Context(), key, backends.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Write(data)
	require.NoError(t, err)
	info, err := w.Commit(t.Context())
	require.NoError(t, err)
	return info
}

func (b *bench) load(t *testing.T, key string) []byte {
	t.Helper()
	body, _, err := b.mem.ReadRange(t.Context(), key, "", 0, -1)
	require.NoError(t, err)
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	return data
}

func noise(seed uint64, n int) []byte {
	data := make([]byte, n)
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = source.Read(data)
	return data
}

// endless is a client that never stops sending; read counts what was taken of it.
type endless struct{ read int64 }

func (r *endless) Read(p []byte) (int, error) {
	r.read += int64(len(p))
	return len(p), nil
}
