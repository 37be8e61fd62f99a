package backendtest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var uploadCases = []testCase{
	{"PartsInOrder", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a/b", []byte("before"))
		mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		u := f.start(t, "a/b", backends.WriteOptions{ModTime: mtime, ContentType: "text/plain"})
		one, two, three := noise(1, f.partSize()), noise(2, f.partSize()+1), noise(3, 1)
		parts := []backends.Part{f.putPart(t, u, 1, one), f.putPart(t, u, 2, two), f.putPart(t, u, 3, three)}
		f.requireObject(t, "a/b", []byte("before")) // nothing is visible until Commit
		require.Equal(t, []string{"a/b"}, f.files(t, ""))

		whole := slices.Concat(one, two, three)
		info := f.commit(t, u, "a/b", whole, parts...)
		got := f.requireObject(t, "a/b", whole)
		require.Equal(t, info.Version, got.Version)
		require.WithinDuration(t, mtime, got.ModTime, 0)
	}},
	{"OnePart", 0, func(t *testing.T, f *fixture) {
		u := f.start(t, "a", backends.WriteOptions{})
		data := noise(1, 10) // the last part may be of any size
		f.commit(t, u, "a", data, f.putPart(t, u, 1, data))
		f.requireObject(t, "a", data)
	}},
	{"PartsInParallel", backends.CapParallelParts, partsInParallel},
	{"PartPutAgain", backends.CapParallelParts, func(t *testing.T, f *fixture) {
		u := f.start(t, "a", backends.WriteOptions{})
		f.putPart(t, u, 1, noise(9, f.partSize()))
		two := f.putPart(t, u, 2, noise(2, 10))
		one := f.putPart(t, u, 1, noise(1, f.partSize()+1))
		whole := slices.Concat(noise(1, f.partSize()+1), noise(2, 10))
		f.commit(t, u, "a", whole, one, two)
		f.requireObject(t, "a", whole)
	}},
	{"LastPartPutAgain", 0, func(t *testing.T, f *fixture) {
		u := f.start(t, "a", backends.WriteOptions{})
		one := f.putPart(t, u, 1, noise(1, f.partSize()))
		f.putPart(t, u, 2, noise(9, 2000))
		two := f.putPart(t, u, 2, noise(2, 10))
		whole := slices.Concat(noise(1, f.partSize()), noise(2, 10))
		f.commit(t, u, "a", whole, one, two)
		f.requireObject(t, "a", whole)
	}},
	{"AHoleIsRefused", backends.CapParallelParts, aHoleIsRefused},
	{"WrongSumOfAPart", 0, func(t *testing.T, f *fixture) {
		if f.limits.Checksum == backends.NoChecksum {
			return
		}
		u := f.start(t, "a", backends.WriteOptions{})
		body := f.body(noise(1, f.partSize()))
		body.Sum ^= 1
		_, err := u.PutPart(t.Context(), 1, body)
		requireError(t, err, backends.ErrInvalid)
		one := f.putPart(t, u, 1, noise(1, f.partSize())) // and the upload goes on
		f.commit(t, u, "a", noise(1, f.partSize()), one)
		f.requireObject(t, "a", noise(1, f.partSize()))
	}},
	{"PartThatIsCutOff", 0, func(t *testing.T, f *fixture) {
		u, data := f.start(t, "a", backends.WriteOptions{}), noise(1, max(f.partSize(), 1<<20))
		ctx, body, over := f.endingBody(t, data)
		_, err := u.PutPart(ctx, 1, body)
		over()
		if err != nil {
			require.ErrorIs(t, err, context.Canceled)
		}
		f.commit(t, u, "a", data, f.putPart(t, u, 1, data)) // and the upload goes on
		f.requireObject(t, "a", data)
	}},
	{"CommitOfAWrongSize", 0, func(t *testing.T, f *fixture) {
		f.refusesCommit(t, func(opts *backends.CommitOptions) { opts.Size++ })
	}},
	{"CommitOfAWrongSum", 0, func(t *testing.T, f *fixture) {
		if f.limits.Checksum != backends.NoChecksum {
			f.refusesCommit(t, func(opts *backends.CommitOptions) { opts.Sum ^= 1 << 40 })
		}
	}},
	{"PartThatIsTooSmall", 0, func(t *testing.T, f *fixture) {
		if f.limits.MinPart == 1 {
			return
		}
		u := f.start(t, "a", backends.WriteOptions{})
		data := noise(1, f.limits.MinPart-1)
		one, err := u.PutPart(t.Context(), 1, f.body(data))
		if err == nil {
			two := f.putPart(t, u, 2, data)
			_, err = u.Commit(t.Context(), []backends.Part{one, two}, f.whole(slices.Concat(data, data)))
		}
		requireError(t, err, backends.ErrInvalid)
		f.abort(t, u)
		f.requireAbsent(t, "a")
	}},
	{"CommitIfAbsent", backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		data := noise(1, 100)
		u := f.start(t, "a", backends.WriteOptions{IfAbsent: true})
		f.commit(t, u, "a", data, f.putPart(t, u, 1, data))
		f.requireObject(t, "a", data)

		u = f.start(t, "b", backends.WriteOptions{IfAbsent: true})
		part := f.putPart(t, u, 1, data)
		f.put(t, "b", []byte("somebody was faster"))
		_, err := u.Commit(t.Context(), []backends.Part{part}, f.whole(data))
		requireError(t, err, backends.ErrExist)
		f.abort(t, u)
		f.requireObject(t, "b", []byte("somebody was faster"))
	}},
	{"CommitIfVersion", backends.CapIfVersion, func(t *testing.T, f *fixture) {
		data := noise(1, 100)
		before := f.put(t, "a", []byte("before"))
		u := f.start(t, "a", backends.WriteOptions{IfVersion: before.Version})
		after := f.commit(t, u, "a", data, f.putPart(t, u, 1, data))
		f.requireObject(t, "a", data)

		u = f.start(t, "a", backends.WriteOptions{IfVersion: after.Version})
		part := f.putPart(t, u, 1, data)
		f.put(t, "a", []byte("somebody was faster"))
		_, err := u.Commit(t.Context(), []backends.Part{part}, f.whole(data))
		requireError(t, err, backends.ErrChanged)
		f.abort(t, u)
		f.requireObject(t, "a", []byte("somebody was faster"))
	}},
	{"CommitTwice", 0, func(t *testing.T, f *fixture) {
		data := noise(1, 100)
		u := f.start(t, "a", backends.WriteOptions{})
		parts := []backends.Part{f.putPart(t, u, 1, data)}
		first := f.commit(t, u, "a", data, parts...)
		second, err := u.Commit(t.Context(), parts, f.whole(data))
		if err != nil {
			requireError(t, err, backends.ErrUploadGone)
		} else {
			require.Equal(t, first.Version, second.Version)
		}
		require.Equal(t, first.Version, f.requireObject(t, "a", data).Version)

		f.put(t, "a", []byte("newer"))
		_, _ = u.Commit(t.Context(), parts, f.whole(data)) // whatever it says
		f.requireObject(t, "a", []byte("newer"))
	}},
	{"AbortLeavesNothing", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a", []byte("before"))
		for parts := range 3 {
			u := f.start(t, "a", backends.WriteOptions{})
			for i := range parts {
				f.putPart(t, u, i+1, noise(1, f.partSize()))
			}
			f.abort(t, u)
			_, err := u.PutPart(t.Context(), parts+1, f.body([]byte("late")))
			requireError(t, err, backends.ErrUploadGone)
			_, uploads := f.Left(t)
			require.Empty(t, uploads)
		}
		f.requireObject(t, "a", []byte("before"))
	}},
	{"AbortAfterCommitChangesNothing", 0, func(t *testing.T, f *fixture) {
		data := noise(1, 100)
		u := f.start(t, "a", backends.WriteOptions{})
		f.commit(t, u, "a", data, f.putPart(t, u, 1, data))
		f.abort(t, u)
		f.requireObject(t, "a", data)
	}},
	{"TwoWritersDoNotMix", 0, func(t *testing.T, f *fixture) {
		one, two := noise(1, f.partSize()), noise(2, f.partSize())
		u1, u2 := f.start(t, "a", backends.WriteOptions{}), f.start(t, "a", backends.WriteOptions{})
		require.NotEqual(t, u1.ID(), u2.ID())
		p1, p2 := f.putPart(t, u1, 1, one), f.putPart(t, u2, 1, two)
		tail2, tail1 := f.putPart(t, u2, 2, []byte("two")), f.putPart(t, u1, 2, []byte("one"))
		f.commit(t, u2, "a", slices.Concat(two, []byte("two")), p2, tail2)
		f.requireObject(t, "a", slices.Concat(two, []byte("two")))
		if f.OneUpload {
			_, err := u1.Commit(t.Context(), []backends.Part{p1, tail1}, f.whole(slices.Concat(one, []byte("one"))))
			requireError(t, err, backends.ErrUploadGone)
			f.abort(t, u1)
			f.requireObject(t, "a", slices.Concat(two, []byte("two")))
			return
		}
		f.commit(t, u1, "a", slices.Concat(one, []byte("one")), p1, tail1)
		f.requireObject(t, "a", slices.Concat(one, []byte("one")))
	}},
}

func partsInParallel(t *testing.T, f *fixture) {
	const count = 4
	u := f.start(t, "a", backends.WriteOptions{})
	parts, errs, whole := make([]backends.Part, count), make([]error, count), []byte(nil)
	var all sync.WaitGroup
	for i := range count {
		data := noise(uint64(i), f.partSize()+int64(i)) // parts need not be equal
		whole = append(whole, data...)
		all.Go(func() { parts[i], errs[i] = u.PutPart(t.Context(), i+1, f.body(data)) })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	f.commit(t, u, "a", whole, parts...)
	f.requireObject(t, "a", whole)

	u = f.start(t, "a", backends.WriteOptions{})
	last := f.putPart(t, u, 3, []byte("end"))
	first := f.putPart(t, u, 1, noise(1, f.partSize()))
	second := f.putPart(t, u, 2, noise(2, f.partSize()))
	whole = slices.Concat(noise(1, f.partSize()), noise(2, f.partSize()), []byte("end"))
	f.commit(t, u, "a", whole, first, second, last)
	f.requireObject(t, "a", whole)
}

func aHoleIsRefused(t *testing.T, f *fixture) {
	f.put(t, "a", []byte("before"))
	u := f.start(t, "a", backends.WriteOptions{})
	one, three := noise(1, f.partSize()), noise(3, 10)
	p1, p3 := f.putPart(t, u, 1, one), f.putPart(t, u, 3, three)
	if f.caps.Has(backends.CapResume) {
		stored, err := u.Parts(t.Context())
		require.NoError(t, err)
		require.Equal(t, []backends.Part{p1, p3}, stored, "holes included")
	}
	_, err := u.Commit(t.Context(), []backends.Part{p1, p3}, f.whole(slices.Concat(one, three)))
	requireError(t, err, backends.ErrInvalid)
	f.requireObject(t, "a", []byte("before"))
	f.abort(t, u)
}

// refusesCommit commits with options that are wrong by spoil.
func (f *fixture) refusesCommit(t *testing.T, spoil func(*backends.CommitOptions)) {
	t.Helper()
	before := f.put(t, "a", []byte("before"))
	for _, key := range []string{"a", "b"} {
		one, two := noise(1, f.partSize()), noise(2, 10)
		u := f.start(t, key, backends.WriteOptions{})
		parts := []backends.Part{f.putPart(t, u, 1, one), f.putPart(t, u, 2, two)}
		opts := f.whole(slices.Concat(one, two))
		spoil(&opts)
		_, err := u.Commit(t.Context(), parts, opts)
		requireError(t, err, backends.ErrInvalid)
		f.abort(t, u)
	}
	require.Equal(t, before.Version, f.requireObject(t, "a", []byte("before")).Version)
	f.requireAbsent(t, "b")
}
