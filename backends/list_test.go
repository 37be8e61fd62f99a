package backends_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// scripted is a driver whose listings are given pages.
type scripted struct {
	backends.Driver
	pages []backends.Page
	asked []string // tokens
}

func (d *scripted) ListPage(_ context.Context, opts backends.ListOptions) (backends.Page, error) {
	d.asked = append(d.asked, opts.Token)
	page := d.pages[0]
	if len(d.pages) > 1 {
		d.pages = d.pages[1:]
	}
	return page, nil
}

func object(key string) backends.Info { return backends.Info{Key: key, Version: "v"} }
func prefix(key string) backends.Info { return backends.Info{Key: key, IsPrefix: true} }

func newScripted(pages ...backends.Page) (*backends.Store, *scripted) {
	d := &scripted{Driver: memstore.New(memstore.Options{}), pages: pages}
	return backends.NewStore("test", d, backends.StoreOptions{}), d
}

func keys(t *testing.T, s *backends.Store, folder string) ([]string, error) {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), folder) {
		if err != nil {
			return keys, err
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

func TestListFoldsMarkersAndHidesWhatNobodyCanName(t *testing.T) {
	mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
	marker := object("d/sub/")
	marker.ModTime = mtime
	s, _ := newScripted(
		backends.Page{Entries: []backends.Info{object("d/"), prefix("d//"), object("d/."), object("d/a")}, Next: "1"},
		backends.Page{Next: "2"},
		backends.Page{Entries: []backends.Info{marker}, Next: "3"},
		backends.Page{Entries: []backends.Info{prefix("d/sub/"), object("d/sub0")}},
	)
	var got []backends.Info
	for info, err := range s.List(t.Context(), "d") {
		require.NoError(t, err)
		got = append(got, info)
	}
	require.Equal(t, []backends.Info{
		object("d/a"), {Key: "d/sub/", IsPrefix: true, ModTime: mtime}, object("d/sub0"),
	}, got)
}

func TestListShowsAFolderOnceWhateverMarksIt(t *testing.T) {
	s, d := newScripted(
		backends.Page{Entries: []backends.Info{prefix("a/"), object("a0"), object("aZ/"), prefix("aZ/"), object("aZ_$folder$")}, Next: "1"},
		backends.Page{Entries: []backends.Info{object("a_$folder$"), object("b"), object("b0"), object("b_$folder$"), object("b_$folder$0")}, Next: "2"},
		backends.Page{Entries: []backends.Info{{Key: "c_$folder$", Size: 1}, object(".tidegate_$folder$")}},
	)
	got, err := keys(t, s, "")
	require.NoError(t, err)
	require.Equal(t, []string{"a/", "a0", "aZ/", "b", "b0", "b/", "b_$folder$0", "c_$folder$"}, got)
	require.Len(t, d.asked, 3)
}

func TestListOnAStoreWithFoldersKnowsNoOtherMarkers(t *testing.T) {
	b := newBench(t, memstore.Options{Folders: true})
	b.putEmpty(t, "d/a_$folder$")
	got, err := keys(t, b.Store, "d")
	require.NoError(t, err)
	require.Equal(t, []string{"d/a_$folder$"}, got)
	_, err = keys(t, b.Store, "d/a")
	require.ErrorIs(t, err, backends.ErrNotExist)
}

func TestListOfAFolderThatOnlyAHadoopMarkerTellsOf(t *testing.T) {
	b := newBench(t, memstore.Options{})
	for _, key := range []string{"d_$folder$", "d/sub_$folder$"} {
		b.putEmpty(t, key)
	}
	for folder, want := range map[string][]string{"": {"d/"}, "d": {"d/sub/"}, "d/sub/": nil} {
		got, err := keys(t, b.Store, folder)
		require.NoError(t, err)
		require.Equal(t, want, got, "%q", folder)
	}
	for _, folder := range []string{"none", "d/none", "d/sub/sub"} {
		_, err := keys(t, b.Store, folder)
		require.ErrorIs(t, err, backends.ErrNotExist)
	}
	b.before = func(_ context.Context, op string, _ int) error { return down(op) }
	_, err := keys(t, b.Store, "d/sub")
	require.ErrorIs(t, err, backends.ErrUnavailable)
}

func TestListOfAFolderWhoseMarkerCannotBeAskedFor(t *testing.T) {
	for name, d := range map[string]backends.Driver{
		"denied":   unstatable{memstore.New(memstore.Options{}), backends.ErrPermission},
		"too long": unstatable{memstore.New(memstore.Options{Limits: func(l *backends.Limits) { l.MaxKey = len("none/") }}), backends.ErrUnavailable},
	} {
		s := backends.NewStore("test", d, backends.StoreOptions{})
		_, err := keys(t, s, "none")
		require.ErrorIs(t, err, backends.ErrNotExist, name)
	}
	s := backends.NewStore("test", unstatable{memstore.New(memstore.Options{}), backends.ErrUnavailable}, backends.StoreOptions{})
	_, err := keys(t, s, "none")
	require.ErrorIs(t, err, backends.ErrUnavailable, "nobody knows")
}

// unstatable is a driver that describes no object.
type unstatable struct {
	backends.Driver
	kind backends.Kind
}

func (d unstatable) Stat(_ context.Context, key string) (backends.Info, error) {
	return backends.Info{}, backends.NewError("stat", key, d.kind, nil)
}

// What is listed in constant memory is what a set of all folders would give.
func TestListOfRandomMarkers(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	parts := []string{"a", "b", "_", "$", "_$folder$", "/", "0"}
	for range 300 {
		b := newBench(t, memstore.Options{})
		seen := make(map[string]bool)
		for range 1 + random.IntN(40) {
			key := "d/"
			for range 1 + random.IntN(5) {
				key += parts[random.IntN(len(parts))]
			}
			if b.mem.CheckKey(key) != nil {
				continue
			}
			b.putEmpty(t, key)
			name, _, below := strings.Cut(key[len("d/"):], "/")
			marked, hadoop := strings.CutSuffix(name, "_$folder$")
			switch {
			case below:
				seen["d/"+name+"/"] = true
			case hadoop && marked != "":
				seen["d/"+marked+"/"] = true
			default:
				seen[key] = true
			}
		}
		got, err := keys(t, b.Store, "d")
		if len(seen) == 0 {
			continue
		}
		require.NoError(t, err)
		require.ElementsMatch(t, slices.Collect(maps.Keys(seen)), got, "seed %d", seed)
	}
}

// many is a driver whose listing has very many entries, made page by page: objects, folders,
// and markers of these behind the objects whose names begin alike.
type many struct {
	backends.Driver
	entries int
	asked   atomic.Int64
}

func (d *many) ListPage(_ context.Context, opts backends.ListOptions) (backends.Page, error) {
	d.asked.Add(1)
	from, _ := strconv.Atoi(opts.Token)
	var page backends.Page
	for i := from; i < min(from+1000, d.entries); i++ {
		name := fmt.Sprintf("%s%09d", opts.Prefix, i/4*4)
		page.Entries = append(page.Entries, []backends.Info{
			object(name), prefix(name + "/"), object(name + "0"), object(name + "_$folder$"),
		}[i%4])
	}
	if from+1000 < d.entries {
		page.Next = strconv.Itoa(from + 1000)
	}
	return page, nil
}

func TestListOfAMillionEntriesInConstantMemory(t *testing.T) {
	const entries = 1_000_000
	d := &many{Driver: memstore.New(memstore.Options{}), entries: entries}
	s := backends.NewStore("test", d, backends.StoreOptions{})
	live := func() int64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	before, seen := live(), 0
	for _, err := range s.List(t.Context(), "d") {
		require.NoError(t, err)
		if seen == 0 {
			require.LessOrEqual(t, d.asked.Load(), int64(2), "pages asked for before the first entry is out")
		}
		if seen++; seen%100_000 == 1 {
			require.Less(t, live()-before, int64(2<<20), "held after %d entries", seen)
		}
	}
	require.Equal(t, entries/4*3, seen, "no folder twice")
	require.Equal(t, int64(entries/1000), d.asked.Load())
}

func TestListOfEmptyPagesIsOfNoFolder(t *testing.T) {
	s, d := newScripted(backends.Page{Next: "1"}, backends.Page{Next: "2"}, backends.Page{})
	_, err := keys(t, s, "d")
	require.ErrorIs(t, err, backends.ErrNotExist)
	require.Equal(t, []string{"", "1", "2"}, d.asked)
	_, err = s.StatFolder(t.Context(), "d")
	require.ErrorIs(t, err, backends.ErrNotExist)
}

func TestListThatDoesNotAdvance(t *testing.T) {
	s, d := newScripted(backends.Page{Entries: []backends.Info{object("d/a")}, Next: "same"})
	got, err := keys(t, s, "d")
	require.Error(t, err)
	require.NotEmpty(t, got)
	require.Len(t, d.asked, 2)

	s, d = newScripted(backends.Page{Next: "same"})
	_, err = s.StatFolder(t.Context(), "d")
	require.Error(t, err)
	require.Len(t, d.asked, 2)
}

// fillPages saves n objects, more than one page of memstore.
func (b *bench) fillPages(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		b.putEmpty(t, fmt.Sprintf("d/%04d", i))
	}
}

// putEmpty makes an empty object as another tool does, which knows nothing of the Store's rules.
func (b *bench) putEmpty(t *testing.T, key string) {
	t.Helper()
	_, err := b.mem.Put(t.Context(), key, backends.Body{ReadSeeker: new(empty)}, backends.WriteOptions{})
	require.NoError(t, err)
}

func TestFirstEntriesAreYieldedBeforeTheNextPageIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		b.fillPages(t, 2500)
		answer := make(chan struct{})
		b.before = func(_ context.Context, _ string, n int) error {
			if n > 1 {
				<-answer
			}
			return nil
		}
		seen := 0
		for _, err := range b.List(t.Context(), "d") {
			require.NoError(t, err)
			if seen++; seen == 1 {
				synctest.Wait()
				require.Equal(t, 2, b.count("ListPage"), "one page ahead, and only one")
			}
			if seen == 1000 {
				close(answer)
			}
		}
		require.Equal(t, 2500, seen)
		require.Equal(t, 3, b.count("ListPage"))
	})
}

func TestBreakingOffAListingEndsItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, memstore.Options{})
		b.fillPages(t, 2500)
		ended := false
		b.before = func(ctx context.Context, _ string, n int) error {
			if n > 1 {
				<-ctx.Done()
				ended = true
			}
			return ctx.Err()
		}
		for _, err := range b.List(t.Context(), "d") {
			require.NoError(t, err)
			break
		}
		require.True(t, ended, "the listing returned before its request had")
	})
}

func TestListThatFailsInTheMiddle(t *testing.T) {
	b := newBench(t, memstore.Options{})
	b.fillPages(t, 2500)
	b.before = func(_ context.Context, op string, n int) error {
		if n == 3 {
			return down(op)
		}
		return nil
	}
	got, err := keys(t, b.Store, "d")
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.Len(t, got, 2000)
}
