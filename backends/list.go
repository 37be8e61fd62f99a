package backends

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
)

// List yields the children of folder in key order: folders as IsPrefix with a "/" at the end of
// Key, objects as they are. It makes one request per page, asks for a page while the one before
// is yielded, and holds no more than these two. A folder that is not there yields ErrNotExist
// first, after one more request on a store without folders; after an error it yields no more.
//
// A name that is both an object and a folder is yielded as both. A folder that only a Hadoop
// marker tells of is yielded where the marker is: "dir/" behind "dir0".
func (s *Store) List(ctx context.Context, folder string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		marker, err := s.folderMarker("list", folder)
		if err != nil {
			yield(Info{}, err)
			return
		}
		exists := marker == ""
		listed := children{store: s, parent: marker}
		for page, err := range s.pages(ctx, ListOptions{Prefix: marker}) {
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, entry := range page.Entries {
				exists = true
				if child, ok := listed.next(entry); ok && !yield(child, nil) {
					return
				}
			}
		}
		if exists {
			return
		}
		if err := s.checkHadoopFolder(ctx, marker); err != nil {
			yield(Info{}, err)
		}
	}
}

// checkHadoopFolder returns ErrNotExist unless there is a Hadoop marker of folder, below which
// there is nothing. Who may not read markers is told of none.
func (s *Store) checkHadoopFolder(ctx context.Context, folder string) error {
	absent := NewError("look for a marker", folder, ErrNotExist, nil)
	key := hadoopMarker(folder)
	if s.caps.Has(CapFolders) || s.driver.CheckKey(key) != nil {
		return absent
	}
	info, err := s.driver.Stat(ctx, key)
	if err == nil && hadoopFolder(info) != folder || errors.Is(err, ErrPermission) {
		return absent
	}
	return err
}

// children makes of the entries of a listing, in key order, those that a user sees.
type children struct {
	store  *Store
	parent string // its own marker is not its child

	// names are those of the folders whose markers may still come. A marker "a/", the common
	// prefix "a/" and a Hadoop marker "a_$folder$" are one folder, and "a0" lies between the two
	// and the third. But all keys in between begin with "a": only names with which the last
	// key begins need be kept, which are fewer than it has bytes.
	names []string
}

// next returns what entry is to a user, and whether it is a child at all.
func (c *children) next(entry Info) (Info, bool) {
	for n := len(c.names); n > 0 && !strings.HasPrefix(entry.Key, c.names[n-1]); n-- {
		c.names = c.names[:n-1]
	}
	folder := c.store.folderOf(entry)
	if folder != "" {
		name := folder[:len(folder)-1]
		if folder == c.parent || slices.Contains(c.names, name) {
			return Info{}, false
		}
		if entry.IsMarker() {
			c.names = append(c.names, name)
		}
		entry = Info{Key: folder, ModTime: entry.ModTime, IsPrefix: true}
	}
	// Other writers' keys may be such that nobody could ask for them here.
	return entry, !reserved(entry.Key) && c.store.driver.CheckKey(entry.Key) == nil
}

// folderOf returns the folder that an entry of a listing stands for, "" for an object.
func (s *Store) folderOf(entry Info) string {
	switch {
	case entry.IsMarker():
		return entry.Key
	case s.caps.Has(CapFolders):
		return ""
	}
	return hadoopFolder(entry)
}

// pages yields the pages of a listing. While the caller uses one, the next is asked for; that
// request is ended, and waited for, when the caller breaks off.
func (s *Store) pages(ctx context.Context, opts ListOptions) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		ahead := s.pageAhead(ctx, opts)
		defer func() {
			cancel()
			if ahead != nil {
				<-ahead
			}
		}()
		for ahead != nil {
			got := <-ahead
			ahead = nil
			if got.err == nil && got.page.Next != "" && got.page.Next == opts.Token {
				got.err = NewError("list", opts.Prefix, ErrUnknown, errors.New("the listing does not advance"))
			}
			if got.err == nil && got.page.Next != "" {
				opts.Token = got.page.Next
				ahead = s.pageAhead(ctx, opts)
			}
			if !yield(got.page, got.err) {
				return
			}
		}
	}
}

type pageResult struct {
	page Page
	err  error
}

// pageAhead asks for a page in the background. The channel gives the answer, once.
func (s *Store) pageAhead(ctx context.Context, opts ListOptions) <-chan pageResult {
	answer := make(chan pageResult, 1)
	go func() {
		page, err := s.driver.ListPage(ctx, opts)
		answer <- pageResult{page, err}
	}()
	return answer
}
