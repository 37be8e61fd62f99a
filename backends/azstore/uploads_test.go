package azstore

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

func TestBlockIDs(t *testing.T) {
	id := blockID{token: newUploadToken(), number: 40_000, epoch: math.MaxUint32, put: 7, nonce: math.MaxUint16, sum: math.MaxUint64 - 1}
	got, ok := parseBlockID(id.String())
	require.True(t, ok)
	require.Equal(t, id, got)
	require.Len(t, blockID{}.String(), len(id.String()), "Azure wants one length")
	require.LessOrEqual(t, len(id.String()), 64)
	for _, text := range []string{"", "AAAA", "not base64", strings.Repeat("A", 64)} {
		_, ok := parseBlockID(text)
		require.False(t, ok, text)
	}
	older := blockID{epoch: 1, put: 9, nonce: 9}
	for _, newer := range []blockID{{epoch: 2}, {epoch: 1, put: 10}, {epoch: 1, put: 9, nonce: 10}} {
		require.True(t, newer.after(older))
		require.False(t, older.after(newer))
	}
}

// TestConcurrentUploadsToOneKey has several whole uploads at one time. Whatever the order, the
// object is one of them, and all that were told so have been there.
func TestConcurrentUploadsToOneKey(t *testing.T) {
	_, d := newProxy(t)
	const writers = 6
	errs := make([]error, writers)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			data := strings.Repeat(fmt.Sprint(w), 3000)
			u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
			var parts []backends.Part
			for i := 0; i < 3 && err == nil; i++ {
				var part backends.Part
				part, err = u.PutPart(t.Context(), i+1, body([]byte(data[:1000])))
				parts = append(parts, part)
			}
			if err == nil {
				_, err = u.Commit(t.Context(), parts, whole([]byte(data)))
			}
			errs[w] = err
		})
	}
	all.Wait()
	got := read(t, d, "a")
	require.Len(t, got, 3000)
	require.Equal(t, strings.Repeat(got[:1], 3000), got, "mixed")
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else {
			require.ErrorIs(t, err, backends.ErrUploadGone)
		}
	}
	require.Positive(t, won)
	require.NoError(t, errs[got[0]-'0'])
}

// TestResumedByTwo has two processes that took over the same upload and do not know of each other.
func TestResumedByTwo(t *testing.T) {
	_, d := newProxy(t)
	u, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.PutPart(t.Context(), 1, body([]byte("zero")))
	require.NoError(t, err)
	var uploads []backends.Upload
	var parts []backends.Part
	for range 2 {
		again, err := d.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
		require.NoError(t, err)
		uploads = append(uploads, again)
	}
	for i, again := range uploads {
		part, err := again.PutPart(t.Context(), 1, body([]byte(fmt.Sprint("data", i))))
		require.NoError(t, err)
		parts = append(parts, part)
	}
	var won []string
	for i, again := range uploads {
		data := fmt.Sprint("data", i)
		if _, err := again.Commit(t.Context(), parts[i:i+1], whole([]byte(data))); err == nil {
			won = append(won, data)
		} else {
			require.Contains(t, []backends.Kind{backends.ErrChanged, backends.ErrUploadGone}, backends.KindOf(err), "%v", err)
		}
	}
	require.Len(t, won, 1)
	require.Equal(t, won[0], read(t, d, "a"))
}

func TestAbortLeavesTheUploadsOfOthers(t *testing.T) {
	_, d := newProxy(t)
	put(t, d, "a", []byte("before"))
	mine, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	theirs, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = mine.PutPart(t.Context(), 1, body([]byte("mine")))
	require.NoError(t, err)
	part, err := theirs.PutPart(t.Context(), 1, body([]byte("theirs")))
	require.NoError(t, err)
	require.NoError(t, mine.Abort(t.Context()))
	require.Equal(t, "before", read(t, d, "a"))
	_, err = theirs.Commit(t.Context(), []backends.Part{part}, whole([]byte("theirs")))
	require.NoError(t, err)
	require.Equal(t, "theirs", read(t, d, "a"))
}

// TestPartsOfAnotherUpload are refused, whatever their bytes.
func TestPartsOfAnotherUpload(t *testing.T) {
	_, d := newProxy(t)
	one, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	two, err := d.StartUpload(t.Context(), "a", backends.WriteOptions{})
	require.NoError(t, err)
	part, err := one.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	_, err = two.Commit(t.Context(), []backends.Part{part}, whole([]byte("data")))
	require.ErrorIs(t, err, backends.ErrInvalid)
	_, err = two.Commit(t.Context(), nil, whole(nil))
	require.ErrorIs(t, err, backends.ErrInvalid)
}

func TestPlanOfABase(t *testing.T) {
	own := func(i int) string { return blockID{put: uint32(i)}.String() }
	blocks := func(n int, size int64, name func(int) string) []*blockblob.Block {
		all := make([]*blockblob.Block, n)
		for i := range all {
			all[i] = &blockblob.Block{Name: to.Ptr(name(i)), Size: &size}
		}
		return all
	}
	for name, c := range map[string]struct {
		blocks  []*blockblob.Block
		size    int64
		kept    int
		pieces  int
		first   int64
		largest int64
	}{
		"whole blocks":            {blocks(3, 10, own), 30, 3, 0, 0, 0},
		"cut between blocks":      {blocks(3, 10, own), 20, 2, 0, 0, 0},
		"cut within a block":      {blocks(3, 10, own), 25, 2, 1, 20, 5},
		"no blocks":               {nil, 700 * mebi, 0, 3, 0, 700*mebi/3 + 1},
		"another tool's":          {blocks(2, 10, func(int) string { return "AAAA" }), 20, 0, 1, 0, 20},
		"a log of too many lines": {blocks(maxBaseBlocks, 10, own), maxBaseBlocks * 10, 0, 1, 0, maxBaseBlocks * 10},
		"the largest":             {nil, maxBaseBlocks * maxBlock, 0, maxBaseBlocks, 0, maxBlock},
	} {
		t.Run(name, func(t *testing.T) {
			b := planBase(c.blocks, c.size)
			require.Len(t, b.names, c.kept)
			require.Len(t, b.pieces, c.pieces)
			require.LessOrEqual(t, len(b.names)+len(b.pieces), maxBaseBlocks)
			at := b.size
			for i, piece := range b.pieces {
				require.Equal(t, at, piece.first)
				require.Positive(t, piece.size)
				require.LessOrEqual(t, piece.size, c.largest)
				if i == 0 {
					require.Equal(t, c.first, piece.first)
				}
				at += piece.size
			}
			require.Equal(t, c.size, at)
		})
	}
}

// TestAppendBehindAnotherToolsBlocks, whose names are shorter.
func TestAppendBehindAnotherToolsBlocks(t *testing.T) {
	p, d := newProxy(t)
	client := d.blockBlob("a")
	_, err := client.StageBlock(t.Context(), "AAAA", nopCloser("theirs "), nil)
	require.NoError(t, err)
	_, err = client.CommitBlockList(t.Context(), []string{"AAAA"}, nil)
	require.NoError(t, err)
	info, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	p.seen()
	info = putParts(t, d, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size}, "mine ")
	require.Equal(t, "bytes=0-6", p.seen()[1].header.Get("X-Ms-Source-Range"))
	putParts(t, d, "a", backends.WriteOptions{Base: &info, BaseSize: 9}, "| mine again")
	require.Equal(t, "theirs mi| mine again", read(t, d, "a"))
}
