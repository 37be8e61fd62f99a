package localstore

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var alice = backends.WriteOptions{Metadata: map[string]string{"user": "alice"}}

// plain is a driver of a file system without extended attributes.
func plain(t *testing.T) *Driver {
	t.Helper()
	d, _ := newDriver(t)
	d.attributes = false
	return d
}

func TestWithoutAttributesMetadataIsRefused(t *testing.T) {
	d := plain(t)
	caps, _ := d.Describe()
	require.Zero(t, caps&(backends.CapMetadata|backends.CapCommitMetadata))
	src := put(t, d, "a", "data")
	_, err := d.Put(t.Context(), "b", body("x"), alice)
	require.ErrorIs(t, err, backends.ErrUnsupported)
	_, err = d.StartUpload(t.Context(), "b", alice)
	require.ErrorIs(t, err, backends.ErrUnsupported)
	for _, dst := range []string{"a", "b"} {
		_, err = d.Copy(t.Context(), dst, src, alice)
		require.ErrorIs(t, err, backends.ErrUnsupported)
	}
	_, err = d.Move(t.Context(), "b", src, alice)
	require.ErrorIs(t, err, backends.ErrUnsupported)
	u, err := d.StartUpload(t.Context(), "b", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.Commit(t.Context(), nil, backends.CommitOptions{Metadata: alice.Metadata})
	require.ErrorIs(t, err, backends.ErrUnsupported)
	require.NoError(t, u.Abort(t.Context()))
	require.Equal(t, []string{"a"}, list(t, d, backends.ListOptions{Recursive: true}))
}

func TestWhatAFileCannotKeep(t *testing.T) {
	d, dir := newDriver(t)
	src := put(t, d, "a", "data")
	for want, opts := range map[backends.Kind]backends.WriteOptions{
		backends.ErrInvalid:     {Metadata: map[string]string{"note": strings.Repeat("x", maxMetadata)}},
		backends.ErrUnsupported: {Tags: map[string]string{"kind": "x"}},
	} {
		_, err := d.Put(t.Context(), "b", body("x"), opts)
		require.ErrorIs(t, err, want)
		_, err = d.Copy(t.Context(), "a", src, opts)
		require.ErrorIs(t, err, want)
	}
	_, err := d.Put(t.Context(), "b/", body(""), alice)
	require.ErrorIs(t, err, backends.ErrUnsupported, "a folder")
	_, err = d.Put(t.Context(), "b", body("x"), backends.WriteOptions{StorageClass: "COLD"})
	require.ErrorIs(t, err, backends.ErrUnsupported)
	keys, uploads := left(t, dir)
	require.Equal(t, []string{"a"}, keys)
	require.Empty(t, uploads)
}

func TestDeletionOfOneVersionNeverTakesAnother(t *testing.T) {
	d, _ := newDriver(t)
	for i := range 50 {
		old := put(t, d, "a", "old")
		now := fmt.Sprint("now", i)
		var both sync.WaitGroup
		both.Go(func() { _ = d.Delete(t.Context(), []backends.Target{{Key: "a", Version: old.Version}}) })
		_, err := d.Put(t.Context(), "a", body(now), backends.WriteOptions{})
		require.NoError(t, err)
		both.Wait()
		require.Equal(t, now, read(t, d, "a"))
	}
}
