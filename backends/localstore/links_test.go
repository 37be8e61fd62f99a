//go:build unix

package localstore

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

// requireUnread checks that key is there for nobody who reads, and for no removal.
func requireUnread(t *testing.T, d *Driver, key string) {
	t.Helper()
	ctx := t.Context()
	for _, key := range []string{key, key + "/"} {
		_, err := d.Stat(ctx, key)
		require.ErrorIs(t, err, backends.ErrNotExist, key)
		_, _, err = d.ReadRange(ctx, key, "", 0, -1)
		require.ErrorIs(t, err, backends.ErrNotExist, key)
		_, err = d.Copy(ctx, "copy", backends.Info{Key: key}, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrNotExist, key)
		_, err = d.Copy(ctx, key, backends.Info{Key: key}, backends.WriteOptions{ModTime: time.Unix(1, 0)})
		require.ErrorIs(t, err, backends.ErrNotExist, key)
		to := "moved" + key[len(strings.TrimSuffix(key, "/")):]
		_, err = d.Move(ctx, to, backends.Info{Key: key}, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrNotExist, key)
		require.ErrorIs(t, d.Delete(ctx, backends.Targets(key)), backends.ErrNotExist)
	}
	for _, recursive := range []bool{false, true} {
		require.Empty(t, list(t, d, backends.ListOptions{Prefix: key + "/", Recursive: recursive}))
		require.Empty(t, list(t, d, backends.ListOptions{Prefix: key, Recursive: recursive}))
	}
}

// requireUnwritten checks that nothing can be written at key, which lies below a link.
func requireUnwritten(t *testing.T, d *Driver, key string, file, folder backends.Info) {
	t.Helper()
	ctx := t.Context()
	var none backends.WriteOptions
	_, err := d.Put(ctx, key, body("new"), none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.Put(ctx, key, body("new"), backends.WriteOptions{IfAbsent: true})
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.Put(ctx, key+"/", body(""), none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.StartUpload(ctx, key, none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.ResumeUpload(ctx, key, "AAAA", none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.Copy(ctx, key, file, none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.Move(ctx, key, file, none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
	_, err = d.Move(ctx, key+"/", folder, none)
	require.ErrorIs(t, err, backends.ErrPermission, key)
}

// TestLinksAreNotFollowed: one user's folder has links to what is another's, and to what lies
// outside of the store.
func TestLinksAreNotFollowed(t *testing.T) {
	d, dir := newDriver(t)
	outside := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	up, err := filepath.Rel(filepath.Join(dir, "p", "loc"), outside)
	require.NoError(t, err)
	put(t, d, "p/other/secret", "secret")
	put(t, d, ".tidegate/journal/secret", "secret")
	file, folder := put(t, d, "p/loc/file", "data"), put(t, d, "p/loc/folder/", "")

	below := map[string]string{ // what a link may lead to, and what a user would look for below it
		"../..":             "p/other/secret",
		"../other":          "secret",
		"../../.tidegate":   "journal/secret",
		".":                 "file",
		"folder":            "new",
		"file":              "new",
		"../other/secret":   "new",
		"nowhere":           "new",
		"link":              "new", // itself
		outside:             "secret",
		up:                  "secret",
		outside + "/secret": "new",
	}
	for target, name := range below {
		t.Run(target, func(t *testing.T) {
			link := filepath.Join(dir, "p", "loc", "link")
			require.NoError(t, os.Symlink(target, link))
			before, _ := left(t, dir)
			requireUnread(t, d, "p/loc/link")
			requireUnread(t, d, "p/loc/link/"+name)
			requireUnwritten(t, d, "p/loc/link/"+name, file, folder)
			requireUnwritten(t, d, "p/loc/link/new/new", file, folder)
			require.Equal(t, []string{"p/loc/", "p/loc/file", "p/loc/folder/"},
				list(t, d, backends.ListOptions{Prefix: "p/loc/"}))
			require.Equal(t, []string{"p/", "p/loc/", "p/loc/file", "p/loc/folder/", "p/other/", "p/other/secret"},
				list(t, d, backends.ListOptions{Prefix: "p/", Recursive: true}))
			after, uploads := left(t, dir)
			require.Equal(t, before, after)
			require.Empty(t, uploads)
			now, err := os.Readlink(link)
			require.NoError(t, err)
			require.Equal(t, target, now)
			require.NoError(t, os.Remove(link))
		})
	}
	require.Equal(t, "secret", read(t, d, "p/other/secret"))
	require.Equal(t, "secret", read(t, d, ".tidegate/journal/secret"))
	names, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Len(t, names, 1)
}

// TestWriteToTheNameOfALink: it replaces the link as it would a file, and never what it leads to.
func TestWriteToTheNameOfALink(t *testing.T) {
	ctx := t.Context()
	for name, write := range map[string]func(d *Driver, opts backends.WriteOptions) error{
		"put": func(d *Driver, opts backends.WriteOptions) error {
			_, err := d.Put(ctx, "a/link", body("new"), opts)
			return err
		},
		"copy": func(d *Driver, opts backends.WriteOptions) error {
			_, err := d.Copy(ctx, "a/link", backends.Info{Key: "src"}, opts)
			return err
		},
		"move": func(d *Driver, opts backends.WriteOptions) error {
			_, err := d.Move(ctx, "a/link", backends.Info{Key: "src"}, opts)
			return err
		},
	} {
		for _, target := range []string{"../real/file", "../real", "nowhere"} {
			t.Run(name+" "+target, func(t *testing.T) {
				d, dir := newDriver(t)
				version := put(t, d, "real/file", "data").Version
				put(t, d, "src", "new")
				put(t, d, "a/", "")
				require.NoError(t, os.Symlink(target, filepath.Join(dir, "a", "link")))

				require.ErrorIs(t, write(d, backends.WriteOptions{IfAbsent: true}), backends.ErrExist)
				require.ErrorIs(t, write(d, backends.WriteOptions{IfVersion: version}), backends.ErrChanged)
				_, err := d.Put(ctx, "a/link/", body(""), backends.WriteOptions{})
				require.ErrorIs(t, err, backends.ErrExist, "no folder is there")
				require.NoError(t, write(d, backends.WriteOptions{ModTime: time.Unix(1, 0)}))
				require.Equal(t, "new", read(t, d, "a/link"))
				require.Equal(t, "data", read(t, d, "real/file"))
				now, err := d.Stat(ctx, "real/file")
				require.NoError(t, err)
				require.Equal(t, version, now.Version)
			})
		}
	}
}

// TestLinkMadeDuringAnUpload: a folder above the key has become a link by the Commit.
func TestLinkMadeDuringAnUpload(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "other/file", "data")
	u := start(t, d, "a/file", "new")
	parts, err := u.Parts(t.Context())
	require.NoError(t, err)
	require.NoError(t, os.Symlink("other", filepath.Join(dir, "a")))
	_, err = u.Commit(t.Context(), parts, backends.CommitOptions{Size: int64(len("new"))})
	require.ErrorIs(t, err, backends.ErrPermission)
	require.Equal(t, "data", read(t, d, "other/file"))

	require.NoError(t, os.Remove(filepath.Join(dir, "a")))
	_, err = u.Commit(t.Context(), parts, backends.CommitOptions{Size: int64(len("new"))})
	require.NoError(t, err, "nothing is lost")
	require.Equal(t, "new", read(t, d, "a/file"))
}

// TestStateFolderIsNoLink: staged files would lie where users see them, and what is old there
// would be taken for abandoned.
func TestStateFolderIsNoLink(t *testing.T) {
	for _, local := range []string{".tidegate", ".tidegate/uploads"} {
		dir := t.TempDir()
		link := filepath.Join(dir, filepath.FromSlash(local))
		require.NoError(t, os.MkdirAll(filepath.Dir(link), 0o700))
		require.NoError(t, os.Symlink(".", link))
		_, err := New(Options{Path: dir})
		require.ErrorContains(t, err, "local store: ")
		require.ErrorContains(t, err, "symbolic link")
	}
	dir := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(t.TempDir(), dir))
	d, err := New(Options{Path: dir})
	require.NoError(t, err, "the path of the store itself may be one")
	put(t, d, "a", "data")
	require.NoError(t, d.Close())
}

// TestDeepPath: the look for links opens folder by folder, and holds none of them.
func TestDeepPath(t *testing.T) {
	d, _ := newDriver(t)
	folder := strings.Repeat("a/", 200)
	put(t, d, folder+"file", "data")
	open := openFiles(t)
	_, err := d.Stat(t.Context(), folder+"file")
	require.NoError(t, err)
	_, err = d.Stat(t.Context(), folder+"none/none")
	require.ErrorIs(t, err, backends.ErrNotExist)
	require.LessOrEqual(t, openFiles(t), open)
}

// openFiles returns how many files this process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(names)
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
		require.ErrorIs(t, d.Delete(t.Context(), backends.Targets(key)), backends.ErrNotExist)
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
