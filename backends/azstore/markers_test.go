package azstore

import (
	"fmt"
	"slices"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// markFolder makes the marker of a folder as Hadoop's tools do.
func markFolder(t *testing.T, d *Driver, name string) {
	t.Helper()
	_, err := d.blockBlob(name).Upload(t.Context(), nopCloser(""), &blockblob.UploadOptions{Metadata: map[string]*string{"Hdi_IsFolder": to.Ptr("true")}})
	require.NoError(t, err)
}

func list(t *testing.T, d *Driver, opts backends.ListOptions) (keys []string) {
	t.Helper()
	for {
		page, err := d.ListPage(t.Context(), opts)
		require.NoError(t, err)
		if opts.Max > 0 {
			require.LessOrEqual(t, len(page.Entries), opts.Max)
		}
		for _, info := range page.Entries {
			keys = append(keys, info.Key)
			if !info.IsPrefix {
				require.NotEmpty(t, info.Version)
			}
		}
		if opts.Token = page.Next; opts.Token == "" {
			return keys
		}
	}
}

func TestFoldersOfOtherTools(t *testing.T) {
	_, d := newProxy(t)
	markFolder(t, d, "dir")
	requireAbsent(t, d, "dir")
	_, _, err := d.ReadRange(t.Context(), "dir", "", 0, -1)
	require.ErrorIs(t, err, backends.ErrNotExist)
	info, err := d.Stat(t.Context(), "dir/")
	require.NoError(t, err)
	require.True(t, info.IsMarker())
	require.Empty(t, read(t, d, "dir/"))

	_, err = d.Copy(t.Context(), "copy/", info, backends.WriteOptions{})
	require.NoError(t, err)
	_, err = d.Stat(t.Context(), "copy/")
	require.NoError(t, err)
	requireAbsent(t, d, "copy")

	put(t, d, "dir/", nil) // both
	require.Equal(t, []string{"copy/", "dir/"}, list(t, d, backends.ListOptions{Recursive: true}))
	require.NoError(t, d.Delete(t.Context(), backends.Targets("dir/")))
	requireAbsent(t, d, "dir/")
	markFolder(t, d, "dir")
	info, err = d.Stat(t.Context(), "dir/")
	require.NoError(t, err)
	require.ErrorIs(t, d.Delete(t.Context(), []backends.Target{{Key: "dir/", Version: "0x0"}}), backends.ErrChanged)
	require.NoError(t, d.Delete(t.Context(), []backends.Target{{Key: "dir/", Version: info.Version}}))
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("dir/")), backends.ErrNotExist)

	put(t, d, "file", []byte("x"))
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("file/")), backends.ErrNotExist)
	requireAbsent(t, d, "file/")
	require.Equal(t, "x", read(t, d, "file"))
}

// TestFoldersOfOtherToolsInListings has markers whose place in the order of keys is behind
// that of their blobs, at every page size.
func TestFoldersOfOtherToolsInListings(t *testing.T) {
	_, d := newProxy(t)
	for _, name := range []string{"a", "a-", "a--", "b", "c/d"} {
		markFolder(t, d, name)
	}
	for _, key := range []string{"a!", "a-!", "a-/x", "a--x", "a.txt", "b/x", "b0", "c/"} {
		put(t, d, key, nil)
	}
	all := []string{"a!", "a-!", "a--/", "a--x", "a-/", "a-/x", "a.txt", "a/", "b/", "b/x", "b0", "c/", "c/d/"}
	children := []string{"a!", "a-!", "a--/", "a--x", "a-/", "a.txt", "a/", "b/", "b0", "c/"}
	require.True(t, slices.IsSorted(all))
	for _, size := range []int{0, 1, 2, 3, 5, 100} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			require.Equal(t, all, list(t, d, backends.ListOptions{Recursive: true, Max: size}))
			require.Equal(t, children, list(t, d, backends.ListOptions{Max: size}))
			require.Equal(t, []string{"a/"}, list(t, d, backends.ListOptions{Prefix: "a/", Max: size, Recursive: true}))
			require.Equal(t, []string{"b/", "b/x"}, list(t, d, backends.ListOptions{Prefix: "b/", Max: size, Recursive: true}))
			require.Empty(t, list(t, d, backends.ListOptions{Prefix: "b0/", Max: size}))
			require.Equal(t, []string{"c/", "c/d/"}, list(t, d, backends.ListOptions{Prefix: "c/", Max: size}))
			require.Equal(t, []string{"a/"}, list(t, d, backends.ListOptions{Prefix: "a/", Max: size}))
		})
	}
}

func TestMangledListToken(t *testing.T) {
	_, d := newProxy(t)
	_, err := d.ListPage(t.Context(), backends.ListOptions{Token: "x"})
	require.ErrorIs(t, err, backends.ErrInvalid)
}
