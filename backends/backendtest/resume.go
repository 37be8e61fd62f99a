package backendtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var resumeCases = []testCase{
	{"CutAfterEveryCall", backends.CapResume, func(t *testing.T, f *fixture) {
		cutAfterEveryCall(t, f, nil)
	}},
	{"CutAfterEveryCallOfAnAppend", backends.CapResume | backends.CapBase, func(t *testing.T, f *fixture) {
		cutAfterEveryCall(t, f, noise(7, max(f.limits.MinBase, 1000)))
	}},
	{"ResumeOfWhatHasEnded", backends.CapResume, func(t *testing.T, f *fixture) {
		u := f.start(t, "a", backends.WriteOptions{})
		f.abort(t, u)
		f.requireGone(t, "a", u.ID())

		u = f.start(t, "a", backends.WriteOptions{})
		data := noise(1, 100)
		f.commit(t, u, "a", data, f.putPart(t, u, 1, data))
		f.requireGone(t, "a", u.ID())
		f.requireGone(t, "never", u.ID())
		_, err := u.Parts(t.Context())
		requireError(t, err, backends.ErrUploadGone)
	}},
	{"AbortOfAResumedUpload", backends.CapResume, func(t *testing.T, f *fixture) {
		u := f.start(t, "a", backends.WriteOptions{})
		f.putPart(t, u, 1, noise(1, f.partSize()))
		f.reopen(t)
		again, err := f.ResumeUpload(t.Context(), "a", u.ID(), backends.WriteOptions{})
		require.NoError(t, err)
		f.abort(t, again)
		f.requireGone(t, "a", u.ID())
		f.requireAbsent(t, "a")
	}},
	{"StaleWriterCannotCommit", backends.CapResume, func(t *testing.T, f *fixture) {
		stale := f.start(t, "a", backends.WriteOptions{})
		mine := f.putPart(t, stale, 1, noise(1, 100))
		f.reopen(t)
		owner, err := f.ResumeUpload(t.Context(), "a", stale.ID(), backends.WriteOptions{})
		require.NoError(t, err)
		theirs := f.putPart(t, owner, 1, noise(2, 100))

		_, err = stale.Commit(t.Context(), []backends.Part{mine}, f.whole(noise(1, 100)))
		requireError(t, err, backends.ErrChanged)
		f.requireAbsent(t, "a")
		f.commit(t, owner, "a", noise(2, 100), theirs)
		f.requireObject(t, "a", noise(2, 100))
	}},
	{"ConditionsHoldAfterAResume", backends.CapResume | backends.CapIfAbsent, func(t *testing.T, f *fixture) {
		opts := backends.WriteOptions{IfAbsent: true}
		u := f.start(t, "a", opts)
		part := f.putPart(t, u, 1, noise(1, 100))
		f.reopen(t)
		f.put(t, "a", []byte("somebody was faster"))
		u, err := f.ResumeUpload(t.Context(), "a", u.ID(), opts)
		require.NoError(t, err)
		_, err = u.Commit(t.Context(), []backends.Part{part}, f.whole(noise(1, 100)))
		requireError(t, err, backends.ErrExist)
		f.abort(t, u)
		f.requireObject(t, "a", []byte("somebody was faster"))
	}},
}

func (f *fixture) requireGone(t *testing.T, key string, id backends.UploadID) {
	t.Helper()
	_, err := f.ResumeUpload(t.Context(), key, id, backends.WriteOptions{})
	requireError(t, err, backends.ErrUploadGone)
}

// cutAfterEveryCall writes a key in parts, behind base if there is one. In round n the process
// dies after call n; the next one resumes from what the store holds.
func cutAfterEveryCall(t *testing.T, f *fixture, base []byte) {
	chunks := [][]byte{noise(1, f.partSize()), noise(2, 17)}
	whole := slices.Concat(base, chunks[0], chunks[1])
	for cut := range len(chunks) + 2 {
		key := fmt.Sprintf("cut/%d", cut)
		var opts backends.WriteOptions
		if base != nil {
			info := f.put(t, key, base)
			opts.Base, opts.BaseSize = &info, info.Size
		}
		u := f.start(t, key, opts)
		id, calls := u.ID(), 0
		die := func() {
			if calls++; calls-1 != cut {
				return
			}
			f.reopen(t)
			var err error
			u, err = f.ResumeUpload(t.Context(), key, id, opts)
			require.NoError(t, err)
			require.Equal(t, id, u.ID())
		}
		die()

		var parts []backends.Part
		for i, chunk := range chunks {
			stored, err := u.Parts(t.Context())
			require.NoError(t, err)
			for j := range stored {
				if base != nil && stored[j].Sum == 0 {
					stored[j].Sum = parts[j].Sum // may be forgotten behind a Base
				}
			}
			requireParts(t, parts, stored, base != nil)
			parts = append(parts, f.putPart(t, u, i+1, chunk))
			die()
		}
		f.commit(t, u, key, whole, parts...)
		if calls == cut {
			f.reopen(t)
		}
		f.requireGone(t, key, id)
		f.requireObject(t, key, whole)
	}
}

// requireParts checks that the store lists the parts as it answered for them. Behind a Base it
// may not tell their sums.
func requireParts(t *testing.T, answered, stored []backends.Part, behindBase bool) {
	t.Helper()
	require.Len(t, stored, len(answered))
	for i, part := range stored {
		if behindBase && part.Sum == 0 {
			part.Sum = answered[i].Sum
		}
		require.Equal(t, answered[i], part)
	}
}
