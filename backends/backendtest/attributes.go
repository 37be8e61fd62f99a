package backendtest

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// What is kept beside the bytes. Tags and storage classes are the vendor's words: the suite only
// sees that a store without them says so.
var attributeCases = []testCase{
	{"MetadataOfAPut", backends.CapMetadata, func(t *testing.T, f *fixture) {
		f.put(t, "a", []byte("old"))
		for _, key := range []string{"a", "b/c"} {
			want := map[string]string{"user": "alice", "client": "192.0.2.1", "note": `printable: !"#$%&'()*+,-./:;<=>?@[\]^_{|}~ and spaces`}
			_, err := f.Put(t.Context(), key, f.body([]byte("data")), backends.WriteOptions{Metadata: want})
			require.NoError(t, err)
			f.requireMetadata(t, key, want)
		}
		f.put(t, "a", []byte("new"))
		info := f.requireObject(t, "a", []byte("new"))
		require.NotContains(t, info.Metadata, "user", "that was the object before")
	}},
	{"MetadataOfAnUpload", backends.CapMetadata, func(t *testing.T, f *fixture) {
		opts := backends.WriteOptions{Metadata: map[string]string{"user": "alice"}}
		data := noise(1, f.partSize()+10)
		u := f.start(t, "a", opts)
		one := f.putPart(t, u, 1, data[:f.partSize()])
		two := f.putPart(t, u, 2, data[f.partSize():])
		if f.caps.Has(backends.CapResume) {
			f.reopen(t)
			var err error
			u, err = f.ResumeUpload(t.Context(), "a", u.ID(), opts)
			require.NoError(t, err)
		}
		f.commit(t, u, "a", data, one, two)
		f.requireObject(t, "a", data)
		f.requireMetadata(t, "a", opts.Metadata)
	}},
	{"MetadataAtCommit", backends.CapMetadata | backends.CapCommitMetadata, func(t *testing.T, f *fixture) {
		data := noise(1, 1000)
		mtime := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		u := f.start(t, "a", backends.WriteOptions{ModTime: mtime, Metadata: map[string]string{"user": "alice"}})
		part := f.putPart(t, u, 1, data)
		opts := f.whole(data)
		opts.Metadata = map[string]string{"sha256": "0123"}
		_, err := u.Commit(t.Context(), []backends.Part{part}, opts)
		require.NoError(t, err)
		f.requireMetadata(t, "a", map[string]string{"user": "alice", "sha256": "0123"})
		require.WithinDuration(t, mtime, f.requireObject(t, "a", data).ModTime, 0)
	}},
	{"MetadataOfAnAppend", backends.CapMetadata | backends.CapBase, func(t *testing.T, f *fixture) {
		data := noise(1, max(f.limits.MinBase, 10))
		base, err := f.Put(t.Context(), "a", f.body(data), backends.WriteOptions{Metadata: map[string]string{"user": "alice", "sha256": "0123"}})
		require.NoError(t, err)
		u := f.start(t, "a", backends.WriteOptions{Base: &base, BaseSize: base.Size, Metadata: map[string]string{"user": "bob"}})
		more := noise(2, 10)
		whole := append(data, more...)
		f.commit(t, u, "a", whole, f.putPart(t, u, 1, more))
		f.requireMetadata(t, "a", map[string]string{"user": "bob"})
		require.NotContains(t, f.requireObject(t, "a", whole).Metadata, "sha256", "that of the bytes before")
	}},
	{"MetadataOfACopy", backends.CapMetadata | backends.CapCopy, func(t *testing.T, f *fixture) {
		f.copiesMetadata(t, f.Copy, "b")
		f.copiesMetadata(t, f.Copy, "a")
	}},
	{"MetadataOfAMove", backends.CapMetadata | backends.CapMove, func(t *testing.T, f *fixture) {
		f.copiesMetadata(t, f.Move, "b")
	}},
}

// copiesMetadata copies an object to dst as it is, and again with more.
func (f *fixture) copiesMetadata(t *testing.T, copyTo func(ctx context.Context, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error), dst string) {
	t.Helper()
	data, had := []byte("data"), map[string]string{"user": "alice", "client": "192.0.2.1"}
	put := func() backends.Info {
		info, err := f.Put(t.Context(), "a", f.body(data), backends.WriteOptions{ContentType: "text/plain", Metadata: had})
		require.NoError(t, err)
		return info
	}
	for _, opts := range []backends.WriteOptions{
		{ModTime: time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)},
		{Metadata: map[string]string{"sha256": "0123"}},
		{Metadata: map[string]string{"user": "bob"}, ContentType: "text/html"},
	} {
		_, err := copyTo(t.Context(), dst, put(), opts)
		require.NoError(t, err)
		want := maps.Clone(had)
		maps.Copy(want, opts.Metadata)
		f.requireMetadata(t, dst, want)
		info := f.requireObject(t, dst, data)
		if !opts.ModTime.IsZero() {
			require.WithinDuration(t, opts.ModTime, info.ModTime, 0)
		}
	}
	if dst != "a" {
		_, err := copyTo(t.Context(), dst, put(), backends.WriteOptions{})
		require.NoError(t, err)
		f.requireMetadata(t, dst, had)
	}
}

// requireMetadata checks that the object at key has want, and no other value of its keys, in
// all ways it can be asked.
func (f *fixture) requireMetadata(t *testing.T, key string, want map[string]string) {
	t.Helper()
	stat, err := f.Stat(t.Context(), key)
	require.NoError(t, err)
	body, read, err := f.ReadRange(t.Context(), key, "", 0, -1)
	require.NoError(t, err)
	require.NoError(t, body.Close())
	for _, got := range []map[string]string{stat.Metadata, read.Metadata} {
		for name, value := range want {
			require.Equal(t, value, got[name], "%q of %q", name, key)
		}
	}
}
