package backendtest

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// fixture is what a case works with: one store and what was written to it.
type fixture struct {
	Harness
	backends.Driver // the one opened last

	wrap   func(backends.Driver) backends.Driver
	opened []backends.Driver // as the harness opened them
	stores []*backends.Store // over further drivers
	caps   backends.Caps
	limits backends.Limits
}

// reopen opens the store again, and leaves the driver before as a killed process does.
func (f *fixture) reopen(t *testing.T) {
	t.Helper()
	d := f.Open(t)
	f.opened = append(f.opened, d)
	f.Driver = f.wrap(d)
	f.caps, f.limits = f.Describe()
}

// noise returns n bytes that are the same for the same seed, and different for another.
func noise(seed uint64, n int64) []byte {
	data := make([]byte, n)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = random.Read(data) // never fails
	return data
}

func (f *fixture) body(data []byte) backends.Body {
	return backends.Body{ReadSeeker: bytes.NewReader(data), Size: int64(len(data)), Sum: f.limits.Checksum.Update(0, data)}
}

func (f *fixture) put(t *testing.T, key string, data []byte) backends.Info {
	t.Helper()
	info, err := f.Put(t.Context(), key, f.body(data), backends.WriteOptions{})
	require.NoError(t, err)
	f.requireInfo(t, info, key, data)
	return info
}

// requireInfo checks that info describes data at key.
func (f *fixture) requireInfo(t *testing.T, info backends.Info, key string, data []byte) {
	t.Helper()
	require.Equal(t, key, info.Key)
	require.Equal(t, int64(len(data)), info.Size)
	require.NotEmpty(t, info.Version)
	require.False(t, info.IsPrefix)
	if info.HasSum {
		require.Equal(t, f.limits.Checksum.Update(0, data), info.Sum)
	}
}

// requireObject checks that the store holds data at key, in all ways it can be asked.
func (f *fixture) requireObject(t *testing.T, key string, data []byte) backends.Info {
	t.Helper()
	info, err := f.Stat(t.Context(), key)
	require.NoError(t, err)
	f.requireInfo(t, info, key, data)
	require.False(t, info.ModTime.IsZero())
	requireBytes(t, data, f.read(t, key, info.Version, 0, -1))
	return info
}

// requireBytes compares without printing megabytes.
func requireBytes(t *testing.T, want, got []byte) {
	t.Helper()
	require.Len(t, got, len(want))
	if !bytes.Equal(want, got) {
		at := 0
		for want[at] == got[at] {
			at++
		}
		require.Failf(t, "wrong bytes", "of %d bytes the first that differs is at %d", len(want), at)
	}
}

func (f *fixture) requireAbsent(t *testing.T, key string) {
	t.Helper()
	_, err := f.Stat(t.Context(), key)
	require.ErrorIs(t, err, backends.ErrNotExist)
	_, _, err = f.ReadRange(t.Context(), key, "", 0, -1)
	require.ErrorIs(t, err, backends.ErrNotExist)
}

func (f *fixture) read(t *testing.T, key, version string, off, n int64) []byte {
	t.Helper()
	body, info, err := f.ReadRange(t.Context(), key, version, off, n)
	require.NoError(t, err)
	defer func() { require.NoError(t, body.Close()) }()
	require.Equal(t, key, info.Key)
	require.NotEmpty(t, info.Version)
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	return data
}

// delete removes keys in batches of the store's size.
func (f *fixture) delete(t *testing.T, keys ...string) {
	t.Helper()
	for batch := range slices.Chunk(backends.Targets(keys...), f.limits.DeleteBatch) {
		require.NoError(t, f.Delete(t.Context(), batch))
	}
}

// deleteAbsent removes what is not there.
func (f *fixture) deleteAbsent(t *testing.T, key string) {
	t.Helper()
	err := f.Delete(t.Context(), []backends.Target{{Key: key}})
	if f.caps.Has(backends.CapTellsAbsent) {
		requireError(t, err, backends.ErrNotExist)
	} else {
		require.NoError(t, err)
	}
}

// list returns the keys of a listing by pages of size entries; between is called after each page.
func (f *fixture) list(t *testing.T, opts backends.ListOptions, between func()) []string {
	t.Helper()
	var keys []string
	for pages := 0; ; pages++ {
		require.Less(t, pages, 10_000, "the listing does not end")
		page, err := f.ListPage(t.Context(), opts)
		require.NoError(t, err)
		if opts.Max > 0 {
			require.LessOrEqual(t, len(page.Entries), opts.Max)
		}
		for _, info := range page.Entries {
			keys = append(keys, info.Key)
			if info.IsPrefix {
				require.False(t, opts.Recursive, "common prefix %q in a recursive listing", info.Key)
				require.True(t, info.IsMarker(), "common prefix %q without a slash", info.Key)
			} else {
				require.NotEmpty(t, info.Version, "%q", info.Key)
				require.False(t, info.ModTime.IsZero(), "%q", info.Key)
			}
		}
		if page.Next == "" {
			return keys
		}
		opts.Token = page.Next
		if between != nil {
			between()
		}
	}
}

// requireError checks err's kind, and that it is an *Error that says what was done to which key.
func requireError(t *testing.T, err error, kinds ...backends.Kind) {
	t.Helper()
	require.Error(t, err)
	require.Contains(t, kinds, backends.KindOf(err), "%v", err)
	var e *backends.Error
	require.ErrorAs(t, err, &e)
	require.NotEmpty(t, e.Op)
}

// partSize returns the size of a small part that need not be the last one.
func (f *fixture) partSize() int64 { return max(f.limits.MinPart, 1000) }

func (f *fixture) start(t *testing.T, key string, opts backends.WriteOptions) backends.Upload {
	t.Helper()
	u, err := f.StartUpload(t.Context(), key, opts)
	require.NoError(t, err)
	require.NotEmpty(t, u.ID())
	return u
}

func (f *fixture) putPart(t *testing.T, u backends.Upload, number int, data []byte) backends.Part {
	t.Helper()
	part, err := u.PutPart(t.Context(), number, f.body(data))
	require.NoError(t, err)
	require.Equal(t, number, part.Number)
	require.Equal(t, int64(len(data)), part.Size)
	require.NotEmpty(t, part.Tag)
	require.Equal(t, f.limits.Checksum.Update(0, data), part.Sum)
	return part
}

// whole says of an upload that it shall hold exactly data.
func (f *fixture) whole(data []byte) backends.CommitOptions {
	return backends.CommitOptions{
		Size:   int64(len(data)),
		Sum:    f.limits.Checksum.Update(0, data),
		HasSum: f.limits.Checksum != backends.NoChecksum,
	}
}

func (f *fixture) commit(t *testing.T, u backends.Upload, key string, data []byte, parts ...backends.Part) backends.Info {
	t.Helper()
	info, err := u.Commit(t.Context(), parts, f.whole(data))
	require.NoError(t, err)
	f.requireInfo(t, info, key, data)
	return info
}

// abort ends an upload twice, as a cleanup that is not sure of the first time does.
func (f *fixture) abort(t *testing.T, u backends.Upload) {
	t.Helper()
	require.NoError(t, u.Abort(t.Context()))
	require.NoError(t, u.Abort(t.Context()))
}

// ended returns a context that is over.
func ended(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// endingBody returns a body of data whose first reading ends the returned context, and
// which fails the test if it is read after over was called.
func (f *fixture) endingBody(t *testing.T, data []byte) (ctx context.Context, body backends.Body, over func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	watched := &watchedReader{ReadSeeker: bytes.NewReader(data), first: cancel}
	body = f.body(data)
	body.ReadSeeker = watched
	t.Cleanup(func() { require.False(t, watched.late.Load(), "the body was read after the call had returned") })
	return ctx, body, func() { watched.over.Store(true) }
}

type watchedReader struct {
	io.ReadSeeker
	first      func()
	over, late atomic.Bool
}

func (r *watchedReader) Read(p []byte) (int, error) {
	if r.over.Load() {
		r.late.Store(true)
	}
	r.first()
	return r.ReadSeeker.Read(p)
}
