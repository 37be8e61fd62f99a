package localstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tidegate/tidegate/backends"
)

func TestMetadataIsExtendedAttributes(t *testing.T) {
	d, dir := newDriver(t)
	d.attributes = true // a file system of Linux that keeps none fails the test: there is nothing to test there
	path := filepath.Join(dir, "a")
	_, err := d.Put(t.Context(), "a", body("data"), alice)
	require.NoError(t, err)
	value := make([]byte, 100)
	n, err := unix.Getxattr(path, "user.tidegate.user", value)
	require.NoError(t, err)
	require.Equal(t, "alice", string(value[:n]))

	// What others have set is not ours, and does not get in the way.
	require.NoError(t, unix.Setxattr(path, "user.other", []byte("x"), 0))
	require.NoError(t, unix.Setxattr(path, "user.tidegate.large", []byte(strings.Repeat("x", maxMetadata+1)), 0))
	info, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, alice.Metadata, info.Metadata)

	require.NoError(t, os.Chmod(path, 0))
	info, err = d.Stat(t.Context(), "a")
	require.NoError(t, err, "a file that may not be read is described all the same")
	require.Equal(t, int64(4), info.Size)
}

func TestMoreAttributesThanTheFirstLookTakes(t *testing.T) {
	d, dir := newDriver(t)
	_, err := d.Put(t.Context(), "a", body("data"), alice)
	require.NoError(t, err)
	for i := range 12 {
		name := "user." + strings.Repeat(string(rune('a'+i)), 200)
		require.NoError(t, unix.Setxattr(filepath.Join(dir, "a"), name, nil, 0))
	}
	info, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, alice.Metadata, info.Metadata)
}

func TestTakesAttributes(t *testing.T) {
	without, err := os.Open("/proc")
	require.NoError(t, err)
	defer discard(without)
	require.False(t, takesAttributes(without))
	d, _ := newDriver(t)
	caps, _ := d.Describe()
	require.Equal(t, d.attributes, caps.Has(backends.CapMetadata|backends.CapCommitMetadata))
}
