package backendtest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var baseCases = []testCase{
	{"BaseThenParts", backends.CapBase, func(t *testing.T, f *fixture) {
		base, one, two := f.base(), noise(1, f.partSize()), noise(2, 10)
		info := f.put(t, "a/b", base)
		u := f.start(t, "a/b", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		parts := []backends.Part{f.putPart(t, u, 1, one), f.putPart(t, u, 2, two)}
		f.requireObject(t, "a/b", base)
		whole := slices.Concat(base, one, two)
		f.commit(t, u, "a/b", whole, parts...)
		f.requireObject(t, "a/b", whole)
	}},
	{"BaseIsTheBeginningOfAnObject", backends.CapBase | backends.CapBasePart, func(t *testing.T, f *fixture) {
		before := slices.Concat(f.base(), []byte("this is replaced"))
		info := f.put(t, "a", before)
		size := info.Size - 5
		u := f.start(t, "a", backends.WriteOptions{Base: &info, BaseSize: size})
		whole := slices.Concat(before[:size], []byte("+"))
		f.commit(t, u, "a", whole, f.putPart(t, u, 1, []byte("+")))
		f.requireObject(t, "a", whole)
	}},
	{"BaseAlone", backends.CapBase, func(t *testing.T, f *fixture) {
		base := f.base()
		info := f.put(t, "a", base)
		u := f.start(t, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		f.commit(t, u, "a", base)
		f.requireObject(t, "a", base)
	}},
	{"BasePartAlone", backends.CapBase | backends.CapBasePart, func(t *testing.T, f *fixture) {
		before := slices.Concat(f.base(), []byte("this is cut off"))
		info := f.put(t, "a", before)
		size := f.limits.MinBase
		u := f.start(t, "a", backends.WriteOptions{Base: &info, BaseSize: size})
		f.commit(t, u, "a", before[:size])
		f.requireObject(t, "a", before[:size])
	}},
	{"BaseAgainAndAgain", backends.CapBase, func(t *testing.T, f *fixture) {
		whole := f.base()
		info := f.put(t, "log", whole)
		for _, line := range []string{"one\n", "two\n", "three\n"} {
			u := f.start(t, "log", backends.WriteOptions{Base: &info, BaseSize: info.Size})
			whole = append(whole, line...)
			info = f.commit(t, u, "log", whole, f.putPart(t, u, 1, []byte(line)))
		}
		f.requireObject(t, "log", whole)
	}},
	{"BaseThatHasChanged", backends.CapBase, func(t *testing.T, f *fixture) {
		info := f.put(t, "a", f.base())
		newer := noise(9, info.Size)
		f.put(t, "a", newer)
		_, err := f.StartUpload(t.Context(), "a", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		requireError(t, err, backends.ErrChanged)
		f.requireObject(t, "a", newer)
	}},
	{"BaseWithIfVersion", backends.CapBase | backends.CapIfVersion, func(t *testing.T, f *fixture) {
		base := f.base()
		info := f.put(t, "a", base)
		opts := backends.WriteOptions{Base: &info, BaseSize: info.Size, IfVersion: info.Version}
		winner, loser := f.start(t, "a", opts), f.start(t, "a", opts)
		won, lost := f.putPart(t, winner, 1, []byte("won")), f.putPart(t, loser, 1, []byte("lost"))
		whole := slices.Concat(base, []byte("won"))
		f.commit(t, winner, "a", whole, won)
		_, err := loser.Commit(t.Context(), []backends.Part{lost}, f.whole(slices.Concat(base, []byte("lost"))))
		requireError(t, err, backends.ErrChanged)
		f.abort(t, loser)
		f.requireObject(t, "a", whole)
	}},
	{"AbortOfAnAppend", backends.CapBase, func(t *testing.T, f *fixture) {
		base := f.base()
		info := f.put(t, "a", base)
		u := f.start(t, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		f.putPart(t, u, 1, []byte("+"))
		f.abort(t, u)
		require.Equal(t, info.Version, f.requireObject(t, "a", base).Version)
	}},
	{"WrongSizeOfAnAppend", backends.CapBase, func(t *testing.T, f *fixture) {
		base := f.base()
		info := f.put(t, "a", base)
		u := f.start(t, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size})
		part := f.putPart(t, u, 1, []byte("+"))
		_, err := u.Commit(t.Context(), []backends.Part{part}, backends.CommitOptions{Size: info.Size + 2})
		requireError(t, err, backends.ErrInvalid)
		f.abort(t, u)
		f.requireObject(t, "a", base)
	}},
}

// base returns bytes enough to be a base.
func (f *fixture) base() []byte { return noise(7, max(f.limits.MinBase, 1000)) }
