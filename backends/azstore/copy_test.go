package azstore

import (
	"net/http"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// TestCopyKeepsAllAttributes in each of the ways that copies go.
func TestCopyKeepsAllAttributes(t *testing.T) {
	p, d := newProxy(t)
	had := backends.WriteOptions{ContentType: "text/plain", Metadata: map[string]string{"user": "alice"},
		Tags: map[string]string{"kind": "scan"}, StorageClass: "Cool"}
	for name, c := range map[string]struct {
		dst      string
		opts     backends.WriteOptions
		requests []string
	}{
		"in one request": {"b", backends.WriteOptions{}, []string{"HEAD /a", "GET /a?comp=tags", "PUT /b"}},
		"in pieces": {"b", backends.WriteOptions{ContentType: "text/html"}, []string{"HEAD /a", "GET /a?comp=tags",
			"PUT /b?comp=block", "GET /b?blocklisttype=uncommitted&comp=blocklist", "PUT /b?comp=blocklist"}},
		"onto itself": {"a", backends.WriteOptions{Metadata: map[string]string{"more": "x"}}, []string{"HEAD /a", "PUT /a?comp=metadata"}},
		"onto itself with another type": {"a", backends.WriteOptions{ContentType: "text/html"}, []string{"HEAD /a", "GET /a?comp=tags",
			"GET /a?blocklisttype=committed&comp=blocklist", "PUT /a?comp=block", "GET /a?blocklisttype=uncommitted&comp=blocklist", "PUT /a?comp=blocklist"}},
		"with other tags": {"b", backends.WriteOptions{Tags: map[string]string{"kind": "x"}, StorageClass: "Hot"}, []string{"HEAD /a", "PUT /b"}},
	} {
		t.Run(name, func(t *testing.T) {
			src, err := d.Put(t.Context(), "a", body([]byte("data")), had)
			require.NoError(t, err)
			p.seen()
			info, err := d.Copy(t.Context(), c.dst, src, c.opts)
			require.NoError(t, err)
			require.Equal(t, c.requests, p.lines())

			want := had
			if c.opts.ContentType != "" {
				want.ContentType = c.opts.ContentType
			}
			if c.opts.Tags != nil {
				want.Tags, want.StorageClass = c.opts.Tags, c.opts.StorageClass
			}
			head, err := d.head(t.Context(), c.dst, "")
			require.NoError(t, err)
			require.Equal(t, want.ContentType, *head.ContentType)
			require.Equal(t, want.StorageClass, *head.AccessTier)
			require.Equal(t, merged(had.Metadata, c.opts.Metadata), others(head.meta))
			require.Equal(t, head.info(c.dst), info)
			tags, err := d.blob(c.dst).GetTags(t.Context(), nil)
			require.NoError(t, err)
			require.Len(t, tags.BlobTagSet, 1)
			require.Equal(t, want.Tags["kind"], *tags.BlobTagSet[0].Value)
			require.Equal(t, "data", read(t, d, c.dst))
		})
	}
}

// TestCopyOfASourceThatChanges meanwhile makes nothing.
func TestCopyOfASourceThatChanges(t *testing.T) {
	for _, opts := range []backends.WriteOptions{{}, {ContentType: "text/html"}} {
		p, d := newProxy(t)
		src := put(t, d, "a", []byte("data"))
		p.spoil("PUT /b", 1, func(w http.ResponseWriter, r *http.Request, forward http.Handler) {
			put(t, d, "a", []byte("newer"))
			forward.ServeHTTP(w, r)
		})
		_, err := d.Copy(t.Context(), "b", src, opts)
		require.ErrorIs(t, err, backends.ErrChanged)
		requireAbsent(t, d, "b")
	}
}

// TestSnapshotsGoWithTheirBlob, which alone Azure would not delete.
func TestSnapshotsGoWithTheirBlob(t *testing.T) {
	_, d := newProxy(t)
	put(t, d, "a", []byte("data"))
	_, err := d.blob("a").CreateSnapshot(t.Context(), &blob.CreateSnapshotOptions{})
	require.NoError(t, err)
	require.NoError(t, d.Delete(t.Context(), backends.Targets("a")))
	requireAbsent(t, d, "a")
}
