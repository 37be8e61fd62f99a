package localstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

func TestNew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	d, err := New(Options{Path: dir})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	fi, err := os.Stat(dir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(dirMode), fi.Mode().Perm())
	names, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, names, "what is only read stays as it is")

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, path := range []string{"", file, filepath.Join(file, "below")} {
		_, err := New(Options{Path: path})
		require.ErrorContains(t, err, "local store: ", "%q", path)
	}
}

func TestCheckNoticesAnotherDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	d, err := New(Options{Path: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, d.Close()) }()
	require.NoError(t, d.Check(t.Context()))

	require.NoError(t, os.Rename(dir, dir+".old"))
	require.ErrorIs(t, d.Check(t.Context()), backends.ErrUnavailable)
	require.NoError(t, os.Mkdir(dir, 0o700))
	err = d.Check(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorContains(t, err, "another directory")
}

func TestKindOf(t *testing.T) {
	for errno, want := range map[syscall.Errno]backends.Kind{
		syscall.ENOENT:       backends.ErrNotExist,
		syscall.EEXIST:       backends.ErrExist,
		syscall.ENOTEMPTY:    backends.ErrExist,
		syscall.EISDIR:       backends.ErrExist,
		syscall.EACCES:       backends.ErrPermission,
		syscall.EPERM:        backends.ErrPermission,
		syscall.EROFS:        backends.ErrPermission,
		syscall.ENOSPC:       backends.ErrQuota,
		syscall.EDQUOT:       backends.ErrQuota,
		syscall.EFBIG:        backends.ErrTooLarge,
		syscall.ENAMETOOLONG: backends.ErrInvalid,
		syscall.EXDEV:        backends.ErrUnsupported,
		syscall.EIO:          backends.ErrUnavailable,
		syscall.EMFILE:       backends.ErrUnavailable,
		syscall.EBADF:        backends.ErrUnknown,
	} {
		cause := &os.PathError{Op: "write", Path: "/secret/path", Err: errno}
		err := failed("put", "key", cause)
		require.ErrorIs(t, err, want, "%v", errno)
		require.ErrorIs(t, err, errno)
		require.Equal(t, err, failed("again", "other", err), "an *Error stays what it is")
	}
	require.Equal(t, backends.ErrUnknown, kindOf(errors.New("?")))
	require.Equal(t, backends.ErrUnavailable, kindOf(os.ErrClosed))
}

func TestNamesThatCannotBe(t *testing.T) {
	d, dir := newDriver(t)
	long := string(bytes.Repeat([]byte("x"), 300)) // of an element: the limit is 255
	for _, key := range []string{"", "/", "/a", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\x00b", long, "a/" + long,
		".tidegate", ".tidegate/", ".tidegate/uploads", ".tidegate/uploads/", ".tidegate/uploads/x"} {
		_, err := d.Put(t.Context(), key, body(""), backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrInvalid, "%q", key)
		_, err = d.StartUpload(t.Context(), key, backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrInvalid, "%q", key)
	}
	keys, _ := left(t, dir)
	require.Empty(t, keys)

	src := put(t, d, "a", "data")
	for _, dst := range []string{"a/b", "a/b/c"} { // below a file
		_, err := d.Put(t.Context(), dst, body(""), backends.WriteOptions{})
		require.ErrorIs(t, err, backends.ErrInvalid, "%q", dst)
		_, err = d.Stat(t.Context(), dst)
		require.ErrorIs(t, err, backends.ErrNotExist)
		require.ErrorIs(t, d.Delete(t.Context(), backends.Targets(dst)), backends.ErrNotExist)
	}
	put(t, d, "folder/file", "data")
	_, err := d.Move(t.Context(), "folder", src, backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrExist)
	_, err = d.Put(t.Context(), "folder", body("data"), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrExist)
	_, err = d.Put(t.Context(), "a/", body(""), backends.WriteOptions{})
	require.ErrorIs(t, err, backends.ErrExist)
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("folder", "a/")), backends.ErrNotExist, "neither is there")
	require.Equal(t, "data", read(t, d, "a"))
	require.Equal(t, "data", read(t, d, "folder/file"))
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("folder/")), backends.ErrNotEmpty)
	_, uploads := left(t, dir)
	require.Empty(t, uploads)
}

func TestDeleteLeavesAnEmptyFolderOfAFilesName(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "a/", "")
	require.ErrorIs(t, d.Delete(t.Context(), backends.Targets("a")), backends.ErrNotExist)
	require.DirExists(t, filepath.Join(dir, "a"))
}

func TestStateIsHidden(t *testing.T) {
	d, _ := newDriver(t)
	put(t, d, "a", "data")
	require.Equal(t, []string{"a"}, list(t, d, backends.ListOptions{}))
	require.Equal(t, []string{"a"}, list(t, d, backends.ListOptions{Recursive: true}))
	start(t, d, "b", "part")
	put(t, d, ".tidegate/journal/x", "state")
	put(t, d, ".tidegate2", "data")
	journal := []string{".tidegate/journal/", ".tidegate/journal/x"}
	require.Equal(t, []string{".tidegate2", "a"}, list(t, d, backends.ListOptions{}))
	for _, size := range []int{0, 1} {
		require.Equal(t, append(journal, ".tidegate2", "a"), list(t, d, backends.ListOptions{Recursive: true, Max: size}))
		require.Equal(t, journal, list(t, d, backends.ListOptions{Prefix: ".tidegate/", Recursive: true, Max: size}),
			"the Store finds what it keeps there")
	}
	require.Empty(t, list(t, d, backends.ListOptions{Prefix: ".tidegate/uploads/", Recursive: true}))
	_, err := d.Stat(t.Context(), ".tidegate/uploads/")
	require.ErrorIs(t, err, backends.ErrInvalid)
}

func TestVersionTellsBytesChangedInPlace(t *testing.T) {
	d, dir := newDriver(t)
	before := put(t, d, "a", "one")
	path := filepath.Join(dir, "a")
	// Until the kernel's clock has gone on, two changes look alike to everybody.
	for {
		require.NoError(t, os.WriteFile(path, []byte("two"), 0o600))
		require.NoError(t, os.Chtimes(path, time.Time{}, before.ModTime))
		after, err := d.Stat(t.Context(), "a")
		require.NoError(t, err)
		require.Equal(t, before.Size, after.Size)
		require.True(t, before.ModTime.Equal(after.ModTime))
		if after.Version != before.Version {
			return
		}
	}
}

func TestTimesThatCannotBe(t *testing.T) {
	d, _ := newDriver(t)
	info := put(t, d, "a", "data")
	for _, year := range []int{1, 1600, 2300, 9999} {
		opts := backends.WriteOptions{ModTime: time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC)}
		_, err := d.Put(t.Context(), "b", body("data"), opts)
		require.ErrorIs(t, err, backends.ErrUnsupported)
		_, err = d.Copy(t.Context(), "a", info, opts)
		require.ErrorIs(t, err, backends.ErrUnsupported)
	}
	now, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, info.Version, now.Version)
}

// TestFileCutWhileItIsRead: another program truncates in place what is being read.
func TestFileCutWhileItIsRead(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "a", "0123456789")
	for _, copyAll := range []func(io.Reader) error{
		func(r io.Reader) error { _, err := io.ReadAll(r); return err },
		func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
	} {
		put(t, d, "a", "0123456789")
		r, _, err := d.ReadRange(t.Context(), "a", "", 2, -1)
		require.NoError(t, err)
		require.NoError(t, os.Truncate(filepath.Join(dir, "a"), 5))
		require.ErrorIs(t, copyAll(r), backends.ErrChanged, "a short file must not look whole")
		require.NoError(t, r.Close())
	}
}

// TestSendfile sends a range over TCP, which takes another way than a Read.
func TestSendfile(t *testing.T) {
	d, _ := newDriver(t)
	data := string(bytes.Repeat([]byte("0123456789abcdef"), 100_000))
	put(t, d, "a", data)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	received := make(chan []byte, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			received <- nil
			return
		}
		got, _ := io.ReadAll(conn)
		conn.Close()
		received <- got
	}()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	require.NoError(t, err)
	r, _, err := d.ReadRange(t.Context(), "a", "", 3, 1_000_000)
	require.NoError(t, err)
	n, err := io.Copy(conn, r)
	require.NoError(t, err)
	require.EqualValues(t, 1_000_000, n)
	require.NoError(t, r.Close())
	require.NoError(t, conn.Close())
	require.Equal(t, data[3:1_000_003], string(<-received))
}

// TestPutWhileFoldersGo: folders that somebody removes because they are empty are made again.
func TestPutWhileFoldersGo(t *testing.T) {
	d, _ := newDriver(t)
	ctx := t.Context()
	stop := make(chan struct{})
	var remover sync.WaitGroup
	remover.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = d.Delete(ctx, backends.Targets("a/b/c/", "a/b/", "a/"))
			}
		}
	})
	for i := range 50 {
		key := fmt.Sprintf("a/b/c/%d", i)
		_, err := d.Put(ctx, key, body("data"), backends.WriteOptions{})
		if err != nil {
			require.ErrorIs(t, err, backends.ErrNotExist, "only that the folder was gone each time")
			continue
		}
		require.Equal(t, "data", read(t, d, key))
		require.NoError(t, d.Delete(ctx, backends.Targets(key)))
	}
	close(stop)
	remover.Wait()
	_, uploads := left(t, d.path)
	require.Empty(t, uploads)
}

func TestListOfALargeFolder(t *testing.T) {
	d, dir := newDriver(t)
	const files = 3 * listBatch
	var want []string
	for i := range files {
		name := fmt.Sprintf("%05d", i*7919%files)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
		want = append(want, fmt.Sprintf("%05d", i))
	}
	for _, size := range []int{0, 500, listBatch} {
		require.Equal(t, want, list(t, d, backends.ListOptions{Max: size}))
	}
}

// TestLinkNoReplace is the way of file systems that know no RENAME_NOREPLACE.
func TestLinkNoReplace(t *testing.T) {
	d, dir := newDriver(t)
	put(t, d, "a", "a")
	put(t, d, "b", "b")
	put(t, d, "folder/x", "x")
	put(t, d, "taken/", "")
	require.ErrorIs(t, linkNoReplace(d.root, "a", "b"), os.ErrExist)
	require.ErrorIs(t, linkNoReplace(d.root, "folder", "taken"), os.ErrExist)
	require.ErrorIs(t, linkNoReplace(d.root, "none", "c"), os.ErrNotExist)
	require.Error(t, linkNoReplace(d.root, "folder", filepath.Join("folder", "in")))
	require.NoError(t, linkNoReplace(d.root, "a", "c"))
	require.NoError(t, linkNoReplace(d.root, "folder", "moved"))
	keys, _ := left(t, dir)
	require.Equal(t, []string{"b", "c", "moved/", "moved/x", "taken/"}, keys)
}
