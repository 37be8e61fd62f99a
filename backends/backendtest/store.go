package backendtest

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// store is a backends.Store over the case's driver, whose calls are noted.
type store struct {
	*backends.Store
	*fixture
	recorder *Recorder
	part     int64 // bytes of its first parts
}

func (f *fixture) store(t *testing.T) *store {
	t.Helper()
	s := &store{fixture: f, recorder: Record(f.wrap(f.Open(t))), part: max(f.limits.MinPart, 64<<10)}
	s.Store = backends.NewStore("test", s.recorder, backends.StoreOptions{
		Memory:   backends.NewMemory(backends.MinMemory),
		PartSize: s.part,
	})
	f.stores = append(f.stores, s.Store)
	return s
}

// withStore makes a case of the Store from a function.
func withStore(run func(t *testing.T, s *store)) func(t *testing.T, f *fixture) {
	return func(t *testing.T, f *fixture) { run(t, f.store(t)) }
}

// requireCalls checks what was asked of the driver since the last time.
func (s *store) requireCalls(t *testing.T, want ...string) {
	t.Helper()
	require.Equal(t, want, s.recorder.Calls())
}

// upload writes data through the Store as a client would, from a reader.
func (s *store) upload(t *testing.T, key string, opts backends.CreateOptions, data []byte) (backends.Info, error) {
	t.Helper()
	w, err := s.Create(t.Context(), key, opts)
	if err != nil {
		return backends.Info{}, err
	}
	n, err := w.ReadFrom(bytes.NewReader(data))
	if err != nil {
		require.NoError(t, w.Abort(t.Context()))
		return backends.Info{}, err
	}
	require.Equal(t, int64(len(data)), n)
	size := w.Size()
	info, err := w.Commit(t.Context())
	if err == nil {
		require.Equal(t, info.Size, size)
		require.Equal(t, key, info.Key)
	}
	return info, err
}

func (s *store) save(t *testing.T, key string, data []byte) backends.Info {
	t.Helper()
	info, err := s.upload(t, key, backends.CreateOptions{}, data)
	require.NoError(t, err)
	s.requireInfo(t, info, key, data)
	return info
}

// load reads through the Store as a client would.
func (s *store) load(t *testing.T, key string, off int64) []byte {
	t.Helper()
	r, err := s.Open(t.Context(), key, off)
	require.NoError(t, err)
	defer func() { require.NoError(t, r.Close()) }()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

// children lists a folder.
func (s *store) children(t *testing.T, folder string) ([]string, error) {
	t.Helper()
	var keys []string
	for info, err := range s.List(t.Context(), folder) {
		if err != nil {
			return keys, err
		}
		require.Equal(t, info.IsMarker(), info.IsPrefix, "%q", info.Key)
		if !info.IsPrefix {
			require.NotEmpty(t, info.Version)
		}
		keys = append(keys, info.Key)
	}
	return keys, nil
}

func (s *store) requireChildren(t *testing.T, folder string, want ...string) {
	t.Helper()
	got, err := s.children(t, folder)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
