//go:build unix

package localstore

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// requireHidden checks that key is neither listed nor read. kinds are the answers that Stat may give.
func requireHidden(t *testing.T, d *Driver, key string, kind backends.Kind) {
	t.Helper()
	for _, recursive := range []bool{false, true} {
		for _, listed := range list(t, d, backends.ListOptions{Recursive: recursive}) {
			require.NotContains(t, listed, key)
		}
	}
	_, err := d.Stat(t.Context(), key)
	require.ErrorIs(t, err, kind)
	_, _, err = d.ReadRange(t.Context(), key, "", 0, -1)
	require.ErrorIs(t, err, kind)
}

func TestLinksThatLeadOut(t *testing.T) {
	d, dir := newDriver(t)
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "absolute")))
	up, err := filepath.Rel(dir, outside)
	require.NoError(t, err)
	require.NoError(t, os.Symlink(up, filepath.Join(dir, "relative")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "file")))

	requireHidden(t, d, "file", backends.ErrPermission)
	for _, link := range []string{"absolute", "relative"} {
		requireHidden(t, d, link, backends.ErrPermission)
		key := link + "/secret"
		requireHidden(t, d, key, backends.ErrPermission)

		_, err := d.ListPage(t.Context(), backends.ListOptions{Prefix: link + "/"})
		require.ErrorIs(t, err, backends.ErrPermission)
		_, err = d.Put(t.Context(), key, body("new"), backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrPermission)
		_, err = d.Put(t.Context(), link+"/new/", body(""), backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrPermission)
		require.ErrorIs(t, d.Delete(t.Context(), []string{key}), backends.ErrPermission)
		src := put(t, d, "src", "data")
		_, err = d.Move(t.Context(), key, src, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrPermission)
		_, err = d.Copy(t.Context(), key, src, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrPermission)
	}
	data, err := os.ReadFile(filepath.Join(outside, "secret"))
	require.NoError(t, err)
	require.Equal(t, "secret", string(data))
	names, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, names, 1)
	_, uploads := left(t, dir)
	require.Empty(t, uploads)
}

func TestLinksThatStayInside(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "real/file", "data")
	require.NoError(t, os.Symlink("real", filepath.Join(dir, "dir")))
	require.NoError(t, os.Symlink("../real/file", filepath.Join(dir, "real", "link")))
	require.NoError(t, os.Symlink(".", filepath.Join(dir, "real", "circle")))
	require.NoError(t, os.Symlink("self", filepath.Join(dir, "self")))
	require.NoError(t, os.Symlink("nowhere", filepath.Join(dir, "broken")))

	require.Equal(t, []string{"dir/", "real/"}, list(t, d, backends.ListOptions{}))
	require.Equal(t, []string{"dir/", "dir/circle/", "dir/file", "dir/link"}, list(t, d, backends.ListOptions{Prefix: "dir/"}))
	require.Equal(t, []string{"dir/", "real/", "real/circle/", "real/file", "real/link"},
		list(t, d, backends.ListOptions{Recursive: true}), "links are not walked into")
	info, err := d.Stat(t.Context(), "dir/link")
	require.NoError(t, err)
	require.Equal(t, int64(len("data")), info.Size)

	put(t, d, "real/link", "other") // a write takes the place of the link
	require.Equal(t, "data", read(t, d, "real/file"))
	require.Equal(t, "other", read(t, d, "real/link"))
	put(t, d, "dir/new", "new")
	require.Equal(t, "new", read(t, d, "real/new"))
	require.NoError(t, d.Delete(t.Context(), []string{"dir/"}))
	require.Equal(t, "data", read(t, d, "real/file"), "only the link is gone")
	requireHidden(t, d, "self", backends.ErrNotExist)
	requireHidden(t, d, "broken", backends.ErrNotExist)
}

func TestWhatIsNoFile(t *testing.T) {
	d, dir := newDriver(t)
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "socket"))
	require.NoError(t, err)
	defer socket.Close()

	for _, key := range []string{"pipe", "socket"} {
		_, err := d.Stat(t.Context(), key)
		require.ErrorIs(t, err, backends.ErrNotExist)
		_, err = d.Stat(t.Context(), key+"/")
		require.ErrorIs(t, err, backends.ErrNotExist)
		require.Empty(t, list(t, d, backends.ListOptions{Prefix: key + "/"}))
		for _, ifAbsent := range []bool{false, true} {
			_, err = d.Put(t.Context(), key+"/x", body("data"), backends.WriteOptions{IfAbsent: ifAbsent})
			require.ErrorIs(t, err, backends.ErrInvalid)
		}
		require.NoError(t, d.Delete(t.Context(), []string{key}), "absent")
		_, err = os.Lstat(filepath.Join(dir, key))
		require.NoError(t, err, "but not removed")
	}
	_, _, err = d.ReadRange(t.Context(), "pipe", "", 0, -1) // must not wait for a writer
	require.ErrorIs(t, err, backends.ErrNotExist)
	require.Empty(t, list(t, d, backends.ListOptions{}))
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	d, dir := newDriver(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "caf\xe9"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "d\xe9"), 0o700))
	put(t, d, "café", "x")
	require.Equal(t, []string{"café"}, list(t, d, backends.ListOptions{Recursive: true}))
	_, err := d.Stat(t.Context(), "caf\xe9")
	require.ErrorIs(t, err, backends.ErrInvalid)
}
