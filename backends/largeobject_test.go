package backends_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
	tib = int64(1) << 40
)

// heedful is a driver that keeps nothing of an upload but what it must know to hold it to the
// limits, at every step. It has no checksum: that of 100 GiB takes longer than all else.
type heedful struct {
	backends.Driver
	limits backends.Limits

	mu    sync.Mutex
	parts map[int]int64 // sizes by number
	begun int           // uploads
	whole int64         // bytes of the object that was committed
}

func (d *heedful) Describe() (backends.Caps, backends.Limits) {
	caps, limits := d.Driver.Describe()
	d.limits.MinBase, d.limits.MaxKey, d.limits.DeleteBatch = limits.MinBase, limits.MaxKey, limits.DeleteBatch
	return caps, d.limits
}

func (d *heedful) Put(context.Context, string, backends.Body, backends.WriteOptions) (backends.Info, error) {
	return backends.Info{}, errors.New("the object is no single put")
}

func (d *heedful) StartUpload(context.Context, string, backends.WriteOptions) (backends.Upload, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.begun++
	d.parts = make(map[int]int64)
	return &heedfulUpload{d: d}, nil
}

type heedfulUpload struct {
	backends.Upload
	d *heedful
}

func (u *heedfulUpload) PutPart(_ context.Context, number int, body backends.Body) (backends.Part, error) {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	l := u.d.limits
	if _, again := u.d.parts[number]; again || number < 1 || number > l.MaxParts || body.Size < 1 || body.Size > l.MaxPart {
		return backends.Part{}, backends.NewError("put part", "", backends.ErrInvalid, fmt.Errorf("part %d of %d bytes, again: %t", number, body.Size, again))
	}
	u.d.parts[number] = body.Size
	if end, err := body.Seek(0, io.SeekEnd); err != nil || end != body.Size {
		return backends.Part{}, fmt.Errorf("body of %d bytes: %d, %w", body.Size, end, err)
	}
	return backends.Part{Number: number, Size: body.Size, Tag: "t", Sum: body.Sum}, nil
}

func (u *heedfulUpload) Commit(_ context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	u.d.mu.Lock()
	defer u.d.mu.Unlock()
	l := u.d.limits
	var size int64
	for i, part := range parts {
		if part.Number != i+1 || u.d.parts[part.Number] != part.Size || part.Size < l.MinPart && i < len(parts)-1 {
			return backends.Info{}, backends.NewError("commit", "", backends.ErrInvalid, fmt.Errorf("part %d is %+v", i+1, part))
		}
		size += part.Size
	}
	if len(parts) != len(u.d.parts) || size != opts.Size || size > l.MaxObject {
		return backends.Info{}, backends.NewError("commit", "", backends.ErrInvalid, fmt.Errorf("%d parts of %d bytes, %+v", len(parts), size, opts))
	}
	u.d.whole = size
	return backends.Info{Size: size, Version: "v"}, nil
}

func (u *heedfulUpload) Abort(context.Context) error { return nil }

// blank sends so many bytes, at no cost: it leaves in the buffer what is there.
type blank struct{ left int64 }

func (r *blank) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.left)
	r.left -= n
	return int(n), nil
}

// Each store once, since the race detector makes it long; every other plan is walked in
// TestEveryPlanIsLegal.
func TestA100GiBObjectOfUnknownLength(t *testing.T) {
	const size = 100*gib + 1
	for _, c := range []struct {
		vendor string
		budget int64
		short  bool // of memory
	}{
		{"S3", 64 * mib, true},
		{"Google", 64 * mib, false},
		{"Azure", 256 * mib, true},
	} {
		t.Run(c.vendor, func(t *testing.T) {
			t.Parallel()
			d := &heedful{Driver: memstore.New(memstore.Options{}), limits: backends.Vendors[c.vendor]}
			memory := backends.NewMemory(c.budget)
			s := backends.NewStore("test", d, backends.StoreOptions{Memory: memory})
			defer memory.RequireAllFree(t, c.budget)
			if c.short {
				defer memory.TakeShared(t)()
			}
			w, err := s.Create(t.Context(), "large.bin", backends.CreateOptions{})
			require.NoError(t, err)
			n, err := w.ReadFrom(&blank{size})
			require.NoError(t, err)
			require.Equal(t, size, n)
			_, err = w.Commit(t.Context())
			require.NoError(t, err)
			require.Equal(t, size, d.whole)
			require.Equal(t, 1, d.begun)
			require.Equal(t, c.short, d.parts[1] < 8*mib, "sent before it was full")
			require.NoError(t, s.Close())
		})
	}
}

// The table of NewMemory's description, to the GiB. What is announced and cannot fit is refused
// before a byte is taken.
func TestTheLargestObjectByStoreAndMemory(t *testing.T) {
	for _, c := range []struct {
		vendor          string
		budget, largest int64
	}{
		{"S3", 32 * mib, 69 * gib},
		{"S3", 64 * mib, 135 * gib},
		{"S3", 256 * mib, 519 * gib},
		{"S3", gib, 1978 * gib},
		{"S3", 4 * gib, 7527 * gib},
		{"Azure", 32 * mib, 309 * gib},
		{"Azure", 64 * mib, 607 * gib},
		{"Azure", 256 * mib, 2342 * gib},
		{"Azure", gib, 9013 * gib},
		{"Azure", 4 * gib, 34633 * gib},
		{"Google", 32 * mib, 773 * gib},
		{"Google", 64 * mib, 1535 * gib},
		{"Google", 256 * mib, 5120 * gib},
	} {
		limits := backends.Vendors[c.vendor]
		s := backends.NewStore("test", &heedful{Driver: memstore.New(memstore.Options{}), limits: limits}, backends.StoreOptions{Memory: backends.NewMemory(c.budget)})
		fits := func(size int64) bool {
			w, err := s.Create(t.Context(), "a", backends.CreateOptions{SizeHint: size})
			if err != nil {
				require.ErrorIs(t, err, backends.ErrTooLarge)
				return false
			}
			require.NoError(t, w.Abort(t.Context()))
			return true
		}
		require.True(t, fits(c.largest), "%d bytes on %s with %d MiB", c.largest, c.vendor, c.budget/mib)
		require.False(t, fits(c.largest+gib), "%d bytes on %s with %d MiB", c.largest+gib, c.vendor, c.budget/mib)
		require.NoError(t, s.Close())
	}
}
