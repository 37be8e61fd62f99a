package backends

import (
	"context"
	"errors"
	"iter"
)

// List yields the children of folder in key order: folders as IsPrefix with a "/" at the end of
// Key, objects as they are. It makes one request per page, asks for a page while the one before
// is yielded, and holds no more than these two. A folder that is not there yields ErrNotExist
// first; after an error it yields no more.
func (s *Store) List(ctx context.Context, folder string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		marker, err := s.folderMarker("list", folder)
		if err != nil {
			yield(Info{}, err)
			return
		}
		exists := marker == ""
		last := marker // the folder seen last; its own marker is not its child
		for page, err := range s.pages(ctx, ListOptions{Prefix: marker}) {
			if err != nil {
				yield(Info{}, err)
				return
			}
			for _, info := range page.Entries {
				exists = true
				if info.IsMarker() {
					if info.Key == last {
						continue // a marker and a common prefix are one folder
					}
					last = info.Key
					info = Info{Key: info.Key, ModTime: info.ModTime, IsPrefix: true}
				}
				// Other writers' keys may be such that nobody could ask for them here.
				if reserved(info.Key) || s.driver.CheckKey(info.Key) != nil {
					continue
				}
				if !yield(info, nil) {
					return
				}
			}
		}
		if !exists {
			yield(Info{}, NewError("list", folder, ErrNotExist, nil))
		}
	}
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
