package s3store

import (
	"io"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// nothings is a reader of zeros that does no work: it leaves the buffers as they are, which
// nobody else writes to.
type nothings struct {
	left     int64
	sampled  int64
	peakHeap uint64
}

func (r *nothings) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.left)
	r.left -= n
	if r.sampled += n; r.sampled >= 4*gibi {
		r.sampled = 0
		var mem runtime.MemStats
		runtime.ReadMemStats(&mem)
		r.peakHeap = max(r.peakHeap, mem.HeapAlloc)
	}
	return int(n), nil
}

// TestAnObjectOf100GiB is a stream whose length nobody has announced, in little memory. The plan
// of its parts is legal at each step, or the fake would refuse one.
func TestAnObjectOf100GiB(t *testing.T) {
	const size, budget = 100 * gibi, 64 * mebi
	f := newFakeS3()
	store := backends.NewStore("test", f.open(t), backends.StoreOptions{Memory: backends.NewMemory(budget)})
	w, err := store.Create(t.Context(), "large", backends.CreateOptions{})
	require.NoError(t, err)
	source := &nothings{left: size}
	n, err := w.ReadFrom(source)
	require.NoError(t, err)
	require.Equal(t, int64(size), n)
	info, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(size), info.Size)
	require.Equal(t, f.objects["large"].sum, info.Sum)
	require.Equal(t, f.zeroSum(size), info.Sum)
	require.Less(t, source.peakHeap, uint64(2*budget), "the buffers, and what else a process has")
	require.Empty(t, f.uploads)
}

// TestCopiesOfTheLargest go in pieces that are legal, up to the largest object that there is.
func TestCopiesOfTheLargest(t *testing.T) {
	for _, size := range []int64{maxSingle + 1, maxObject} {
		f := newFakeS3()
		d := f.open(t)
		f.objects["source"] = fakePart{size: size, etag: `"e"`}
		src, err := d.Stat(t.Context(), "source")
		require.NoError(t, err)
		info, err := d.Copy(t.Context(), "copy", src, backends.WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, size, info.Size)
		require.Equal(t, f.zeroSum(size), f.objects["copy"].sum)
	}
}

// TestAppendToTheLargest continues an object of nearly 5 TiB by what fits.
func TestAppendToTheLargest(t *testing.T) {
	const size, more = maxBasePieces * maxSingle, 3*gibi + 1
	f := newFakeS3()
	f.objects["large"] = fakePart{size: size, etag: `"e"`}
	store := backends.NewStore("test", f.open(t), backends.StoreOptions{})
	w, err := store.Create(t.Context(), "large", backends.CreateOptions{Append: true})
	require.NoError(t, err)
	_, err = w.ReadFrom(&nothings{left: more})
	require.NoError(t, err)
	info, err := w.Commit(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(size+more), info.Size)
	require.Equal(t, f.zeroSum(size+more), f.objects["large"].sum)
}
