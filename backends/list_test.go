package backends_test

import (
	"context"
	"fmt"
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
		_, err := b.mem.Put(t.Context(), fmt.Sprintf("d/%04d", i), backends.Body{ReadSeeker: new(empty)}, backends.WriteOptions{})
		require.NoError(t, err)
	}
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
