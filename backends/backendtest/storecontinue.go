package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

var (
	appending     = backends.CreateOptions{Append: true}
	continueCases = []testCase{
		{"AppendToNothingCreates", 0, withStore(func(t *testing.T, s *store) {
			for _, size := range []int64{0, 10, s.part + 10} {
				_, err := s.upload(t, "a", appending, noise(1, size))
				require.NoError(t, err)
				s.requireObject(t, "a", noise(1, size))
				require.NoError(t, s.Remove(t.Context(), "a"))
			}
		})},
		{"Append", 0, withStore(func(t *testing.T, s *store) {
			whole := []byte(nil)
			s.save(t, "a", nil)
			for i, size := range []int64{10, 0, s.part, 7} {
				data := noise(uint64(i), size)
				whole = append(whole, data...)
				info, err := s.upload(t, "a", appending, data)
				require.NoError(t, err)
				s.requireInfo(t, info, "a", whole)
				s.requireObject(t, "a", whole)
			}
		})},
		{"ASmallAppendRewritesInOnePut", 0, withStore(func(t *testing.T, s *store) {
			s.save(t, "a", []byte("one,"))
			s.recorder.Calls()
			_, err := s.upload(t, "a", appending, []byte("two"))
			require.NoError(t, err)
			calls := s.recorder.Calls()
			require.Equal(t, "Stat", calls[0])
			if !s.caps.Has(backends.CapBase) || s.limits.MinBase > 4 {
				require.Equal(t, []string{"Stat", "ReadRange"}, calls[:2])
				require.Equal(t, "Put", calls[len(calls)-1])
			}
			s.requireObject(t, "a", []byte("one,two"))
		})},
		{"ALargeAppendDoesNotReadBack", backends.CapBase | backends.CapIfVersion, withStore(func(t *testing.T, s *store) {
			base := noise(1, max(s.limits.MinBase, 1000))
			s.save(t, "a", base)
			s.recorder.Calls()
			_, err := s.upload(t, "a", appending, []byte("+"))
			require.NoError(t, err)
			s.requireCalls(t, "Stat", "StartUpload", "PutPart", "Commit")
			s.requireObject(t, "a", append(base, '+'))
		})},
		{"ContinueFromAnOffset", 0, withStore(func(t *testing.T, s *store) {
			large := s.part + 50
			for _, c := range []struct{ size, offset, more int64 }{
				{100, 1, 10}, {100, 50, 0}, {100, 99, 200}, {100, 100, 0}, {100, 100, 1},
				{large, 1, 10}, {large, large - 1, 0}, {large, large - 60, large}, {large, large, 1},
			} {
				before, data := noise(1, c.size), noise(2, c.more)
				s.save(t, "a", before)
				info, err := s.upload(t, "a", backends.CreateOptions{Offset: c.offset, SizeHint: c.more}, data)
				require.NoError(t, err)
				whole := slices.Concat(before[:c.offset], data)
				s.requireInfo(t, info, "a", whole)
				s.requireObject(t, "a", whole)
			}
		})},
		{"OffsetBehindTheEnd", 0, withStore(func(t *testing.T, s *store) {
			_, err := s.Create(t.Context(), "a", backends.CreateOptions{Offset: 1})
			requireError(t, err, backends.ErrRange)
			_, err = s.Create(t.Context(), "a", backends.CreateOptions{Offset: -1})
			requireError(t, err, backends.ErrRange)
			s.save(t, "a", []byte("0123456789"))
			_, err = s.Create(t.Context(), "a", backends.CreateOptions{Offset: 11})
			requireError(t, err, backends.ErrRange)
			s.requireObject(t, "a", []byte("0123456789"))
		})},
		{"AnOffsetIntoWhatChangesMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			for _, size := range []int64{100, s.part} {
				s.save(t, "a", noise(1, size))
				w := s.writing(t, backends.CreateOptions{Offset: 50}, []byte("mine"))
				s.save(t, "a", []byte("somebody else's"))
				_, err := w.Commit(t.Context())
				requireError(t, err, backends.ErrChanged)
				s.requireObject(t, "a", []byte("somebody else's"))
			}
		})},
		{"AppendToWhatChangesMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			theirs := []byte("somebody else's")
			for _, before := range []int64{0, 100, s.part} { // 0: nothing is there
				for _, mine := range [][]byte{[]byte("mine"), noise(3, s.part)} {
					if before > 0 {
						s.save(t, "a", noise(1, before))
					}
					w := s.writing(t, appending, mine)
					s.save(t, "a", theirs)
					info, err := w.Commit(t.Context())
					if err != nil { // a part was full with what was there before
						requireError(t, err, backends.ErrChanged)
						require.Greater(t, before+int64(len(mine)), s.part)
						s.requireObject(t, "a", theirs)
					} else {
						s.requireInfo(t, info, "a", slices.Concat(theirs, mine))
						s.requireObject(t, "a", slices.Concat(theirs, mine))
					}
					require.NoError(t, s.Remove(t.Context(), "a"))
				}
			}
		})},
		{"AppendToWhatGoesMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			s.save(t, "a", noise(1, 100))
			w := s.writing(t, appending, []byte("mine"))
			require.NoError(t, s.Remove(t.Context(), "a"))
			_, err := w.Commit(t.Context())
			require.NoError(t, err)
			s.requireObject(t, "a", []byte("mine"))
		})},
		{"AppendToWhatChangesBeforeItBegins", 0, withStore(func(t *testing.T, s *store) {
			for _, now := range []int64{-1, 0, 50, max(s.limits.MinBase, 200)} { // -1: gone
				s.save(t, "a", noise(1, 100))
				w, err := s.Create(t.Context(), "a", appending)
				require.NoError(t, err)
				var whole []byte
				if now < 0 {
					require.NoError(t, s.Remove(t.Context(), "a"))
				} else {
					whole = noise(2, now)
					s.save(t, "a", whole)
				}
				_, err = w.Write([]byte("mine"))
				require.NoError(t, err)
				_, err = w.Commit(t.Context())
				require.NoError(t, err)
				s.requireObject(t, "a", slices.Concat(whole, []byte("mine")))
			}
		})},
		{"AppendIfAbsentToWhatAppearsMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			w := s.writing(t, backends.CreateOptions{Append: true, IfAbsent: true}, []byte("mine"))
			s.save(t, "a", []byte("somebody else's"))
			_, err := w.Commit(t.Context())
			requireError(t, err, backends.ErrExist)
			s.requireObject(t, "a", []byte("somebody else's"))
		})},
		{"AnAppendThatWasSentMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			s.save(t, "a", noise(1, 100))
			w := s.writing(t, appending, noise(2, 2*s.part))
			s.save(t, "a", []byte("somebody else's"))
			_, err := w.Commit(t.Context())
			requireError(t, err, backends.ErrChanged)
			s.requireObject(t, "a", []byte("somebody else's"))
		})},
		{"ManyAppendAtOnce", 0, withStore(func(t *testing.T, s *store) {
			const sessions = 32
			for _, before := range []int64{0, 100, max(s.limits.MinBase, 1000)} {
				if before > 0 {
					s.save(t, "log", noise(9, before))
				}
				group := errgroup.Group{}
				begun := make(chan struct{})
				for i := range sessions { // all begin where it ends now
					w, err := s.Create(t.Context(), "log", appending)
					require.NoError(t, err)
					group.Go(func() error {
						<-begun
						_, err := w.Write(record(i))
						if err != nil {
							return errors.Join(err, w.Abort(t.Context()))
						}
						_, err = w.Commit(t.Context())
						return err
					})
				}
				close(begun)
				require.NoError(t, group.Wait())
				whole := s.load(t, "log", 0)
				require.Len(t, whole, int(before)+sessions*len(record(0)))
				requireBytes(t, noise(9, before), whole[:before])
				var got []string
				for one := range slices.Chunk(whole[before:], len(record(0))) {
					got = append(got, string(one))
				}
				slices.Sort(got)
				for i := range sessions {
					require.Equal(t, string(record(i)), got[i])
				}
				require.NoError(t, s.Remove(t.Context(), "log"))
			}
		})},
		{"AbortOfAnAppendKeepsTheObject", 0, withStore(func(t *testing.T, s *store) {
			for _, size := range []int64{100, s.part} {
				before := s.save(t, "a", noise(1, size))
				w, err := s.Create(t.Context(), "a", appending)
				require.NoError(t, err)
				_, err = w.Write(noise(2, s.part+1))
				require.NoError(t, err)
				require.NoError(t, w.Abort(t.Context()))
				require.Equal(t, before.Version, s.requireObject(t, "a", noise(1, size)).Version)
			}
		})},
	}
)

// record is what one of many appends.
func record(i int) []byte { return fmt.Appendf(nil, "record %03d: %v\n", i, strings.Repeat("x", 500)) }

// writing returns a Writer of "a" that data was written to.
func (s *store) writing(t *testing.T, opts backends.CreateOptions, data []byte) *backends.Writer {
	t.Helper()
	w, err := s.Create(t.Context(), "a", opts)
	require.NoError(t, err)
	_, err = w.ReadFrom(bytes.NewReader(data))
	require.NoError(t, err)
	return w
}
