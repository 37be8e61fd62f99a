package backendtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var writeCases = []testCase{
	{"ASmallObjectIsOnePut", 0, withStore(func(t *testing.T, s *store) {
		for _, size := range []int64{0, 1, 4096, s.part - 1, s.part} {
			data := noise(uint64(size), size)
			info := s.save(t, "a/small", data)
			s.requireCalls(t, "Put")
			require.Equal(t, info.Version, s.requireObject(t, "a/small", data).Version)
		}
	})},
	{"ALargeObjectIsParts", 0, withStore(func(t *testing.T, s *store) {
		for _, size := range []int64{s.part + 1, 2 * s.part} {
			data := noise(uint64(size), size)
			s.save(t, "a/large", data)
			calls := s.recorder.Calls()
			parts := (size + s.part - 1) / s.part
			require.Len(t, calls, int(parts)+2)
			require.Equal(t, "StartUpload", calls[0])
			require.Equal(t, "Commit", calls[len(calls)-1])
			s.requireObject(t, "a/large", data)
		}
	})},
	{"WriteAndReadFromAreAlike", 0, withStore(func(t *testing.T, s *store) {
		data := noise(1, s.part+4321)
		w, err := s.Create(t.Context(), "a", backends.CreateOptions{SizeHint: int64(len(data))})
		require.NoError(t, err)
		step := len(data)/5 + 1
		for chunk := range slices.Chunk(data, step) {
			n, err := w.Write(chunk[:len(chunk)/2])
			require.NoError(t, err)
			require.Equal(t, len(chunk)/2, n)
			m, err := w.ReadFrom(bytes.NewReader(chunk[n:]))
			require.NoError(t, err)
			require.Equal(t, int64(len(chunk)-n), m)
		}
		require.Equal(t, int64(len(data)), w.Size())
		info, err := w.Commit(t.Context())
		require.NoError(t, err)
		s.requireInfo(t, info, "a", data)
		s.requireObject(t, "a", data)
	})},
	{"NothingIsVisibleBeforeCommit", 0, withStore(func(t *testing.T, s *store) {
		before := s.save(t, "a", []byte("before"))
		w, err := s.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		data := noise(1, 2*s.part)
		_, err = w.Write(data)
		require.NoError(t, err)
		require.Equal(t, before.Version, s.requireObject(t, "a", []byte("before")).Version)
		s.requireChildren(t, "", "a")
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
		s.requireObject(t, "a", data)
	})},
	{"AbortKeepsTheOldObject", 0, withStore(func(t *testing.T, s *store) {
		before := s.save(t, "a", []byte("before"))
		for _, size := range []int64{0, 100, s.part + 1} {
			for _, key := range []string{"a", "new"} {
				w, err := s.Create(t.Context(), key, backends.CreateOptions{})
				require.NoError(t, err)
				_, err = w.ReadFrom(bytes.NewReader(noise(1, size)))
				require.NoError(t, err)
				require.NoError(t, w.Abort(t.Context()))
				require.NoError(t, w.Abort(t.Context()))
				_, err = w.Commit(t.Context())
				requireError(t, err, backends.ErrUploadGone)
			}
		}
		_, uploads := s.Left(t)
		require.Empty(t, uploads)
		require.Equal(t, before.Version, s.requireObject(t, "a", []byte("before")).Version)
		s.requireAbsent(t, "new")
	})},
	{"AReaderThatFailsEndsTheUpload", 0, withStore(func(t *testing.T, s *store) {
		broken := errors.New("connection reset by peer")
		for _, size := range []int64{0, 100, 2 * s.part} {
			w, err := s.Create(t.Context(), "a", backends.CreateOptions{})
			require.NoError(t, err)
			n, err := w.ReadFrom(io.MultiReader(bytes.NewReader(noise(1, size)), failingReader{broken}))
			require.ErrorIs(t, err, broken)
			require.Equal(t, size, n)
			require.NoError(t, w.Abort(t.Context()))
		}
		s.requireAbsent(t, "a")
	})},
	{"AnEndedContextEndsTheUpload", 0, withStore(func(t *testing.T, s *store) {
		for _, size := range []int64{0, 100, 2 * s.part} {
			ctx, cancel := context.WithCancel(t.Context())
			w, err := s.Create(ctx, "a", backends.CreateOptions{})
			require.NoError(t, err)
			_, err = w.Write(noise(1, size))
			require.NoError(t, err)
			cancel()
			_, err = w.Write([]byte("more"))
			require.ErrorIs(t, err, context.Canceled)
			_, err = w.Commit(t.Context())
			require.ErrorIs(t, err, context.Canceled)
		}
		w, err := s.Create(t.Context(), "a", backends.CreateOptions{})
		require.NoError(t, err)
		_, err = w.Commit(ended(t))
		require.ErrorIs(t, err, context.Canceled)
		s.requireAbsent(t, "a")
	})},
	{"CreateIfAbsent", 0, withStore(func(t *testing.T, s *store) {
		for _, size := range []int64{10, s.part + 10} {
			only := backends.CreateOptions{IfAbsent: true}
			_, err := s.upload(t, "a", only, noise(1, size))
			require.NoError(t, err)
			_, err = s.upload(t, "a", only, noise(2, size))
			requireError(t, err, backends.ErrExist)
			s.requireObject(t, "a", noise(1, size))
			require.NoError(t, s.Remove(t.Context(), "a"))
		}
	})},
	{"WhatIsKeptBesideTheBytes", 0, withStore(func(t *testing.T, s *store) {
		require.Equal(t, s.caps, s.Caps())
		for _, size := range []int64{10, s.part + 10} {
			data := noise(1, size)
			sum := fmt.Sprintf("%x", sha256.Sum256(data))
			info, err := s.upload(t, "a", backends.CreateOptions{Metadata: map[string]string{"user": "alice"}, SHA256: true}, data)
			require.NoError(t, err)
			require.Equal(t, sum, info.Metadata[backends.MetaSHA256])
			got := s.requireObject(t, "a", data)
			if s.caps.Has(backends.CapMetadata) {
				require.Equal(t, "alice", got.Metadata["user"])
			}
			if s.caps.Has(backends.CapMetadata) && (size <= s.part || s.caps.Has(backends.CapCommitMetadata) || s.caps.Has(backends.CapCopy)) {
				require.Equal(t, sum, got.Metadata[backends.MetaSHA256])
			}
			require.Equal(t, info.Version, got.Version)
		}
		info, err := s.upload(t, "a", backends.CreateOptions{}, []byte("x"))
		require.NoError(t, err)
		require.NotContains(t, info.Metadata, backends.MetaSHA256)
		require.NotContains(t, s.requireObject(t, "a", []byte("x")).Metadata, "user")
	})},
	{"TheSumOfAnAppendIsThatOfTheWholeOrNone", 0, withStore(func(t *testing.T, s *store) {
		opts := backends.CreateOptions{Append: true, SHA256: true}
		var whole []byte
		for _, size := range []int64{10, 10, s.part, 10} {
			data := noise(uint64(len(whole)), size)
			whole = append(whole, data...)
			_, err := s.upload(t, "a", opts, data)
			require.NoError(t, err)
			if sum, ok := s.requireObject(t, "a", whole).Metadata[backends.MetaSHA256]; ok {
				require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(whole)), sum)
			}
		}
	})},
	{"TagsAndStorageClassesNeedAStoreThatHasThem", 0, withStore(func(t *testing.T, s *store) {
		if !s.caps.Has(backends.CapTags) {
			_, err := s.Create(t.Context(), "a", backends.CreateOptions{Tags: map[string]string{"kind": "x"}})
			requireError(t, err, backends.ErrUnsupported)
		}
		if !s.caps.Has(backends.CapStorageClass) {
			_, err := s.Create(t.Context(), "a", backends.CreateOptions{StorageClass: "x"})
			requireError(t, err, backends.ErrUnsupported)
		}
		s.requireCalls(t)
	})},
	{"NamesThatAreRefusedBeforeAnyByte", 0, withStore(func(t *testing.T, s *store) {
		for _, key := range []string{
			"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\x00b", "\xff", ".tidegate", ".tidegate/x",
			strings.Repeat("x", s.limits.MaxKey+1),
		} {
			if !strings.HasSuffix(key, "/") && s.takes(key) {
				continue
			}
			_, err := s.Create(t.Context(), key, backends.CreateOptions{})
			requireError(t, err, backends.ErrInvalid)
			_, err = s.Open(t.Context(), key, 0)
			requireError(t, err, backends.ErrInvalid)
			_, err = s.Stat(t.Context(), key)
			requireError(t, err, backends.ErrInvalid)
			requireError(t, s.Remove(t.Context(), key), backends.ErrInvalid)
			requireError(t, s.Rename(t.Context(), backends.Info{Key: "a", Version: "v"}, key, backends.RenameOptions{}), backends.ErrInvalid)
			requireError(t, s.Rename(t.Context(), backends.Info{Key: key, Version: "v"}, "a", backends.RenameOptions{}), backends.ErrInvalid)
		}
		for _, folder := range []string{"/", "/a", "a//", "..", "a/../b", "a\x00b", "\xff", ".tidegate", ".tidegate/x/"} {
			if s.takes(backends.FolderKey(folder)) {
				continue
			}
			requireError(t, s.MakeFolder(t.Context(), folder), backends.ErrInvalid)
			requireError(t, s.RemoveFolder(t.Context(), folder), backends.ErrInvalid)
			requireError(t, s.RenameFolder(t.Context(), folder, "b"), backends.ErrInvalid)
			requireError(t, s.RenameFolder(t.Context(), "b", folder), backends.ErrInvalid)
			_, err := s.StatFolder(t.Context(), folder)
			requireError(t, err, backends.ErrInvalid)
			_, err = s.children(t, folder)
			requireError(t, err, backends.ErrInvalid)
		}
		s.requireCalls(t)
	})},
}

// takes reports whether the store could hold key, however odd it is, and users may reach it.
func (s *store) takes(key string) bool {
	return !strings.HasPrefix(key+"/", backends.StatePrefix) && s.CheckKey(key) == nil
}

// failingReader is a connection that breaks.
type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }
