package backendtest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
		{"AppendToWhatChangesMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			for _, size := range []int64{100, s.part} {
				for _, opts := range []backends.CreateOptions{appending, {Offset: 50}} {
					s.save(t, "a", noise(1, size))
					w, err := s.Create(t.Context(), "a", opts)
					require.NoError(t, err)
					_, err = w.Write([]byte("mine"))
					require.NoError(t, err)
					s.save(t, "a", []byte("somebody else's"))
					_, err = w.Commit(t.Context())
					requireError(t, err, backends.ErrChanged)
					s.requireObject(t, "a", []byte("somebody else's"))
				}
			}
		})},
		{"AppendToWhatAppearsMeanwhile", 0, withStore(func(t *testing.T, s *store) {
			w, err := s.Create(t.Context(), "a", appending)
			require.NoError(t, err)
			_, err = w.Write([]byte("mine"))
			require.NoError(t, err)
			s.save(t, "a", []byte("somebody else's"))
			_, err = w.Commit(t.Context())
			requireError(t, err, backends.ErrExist)
			s.requireObject(t, "a", []byte("somebody else's"))
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
