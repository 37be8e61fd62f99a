package ftptest_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// login returns the tree of fs as a user sees it who may do all but deny.
func login(t *testing.T, fs *ftptest.FS, deny ftpproto.Perm) ftpproto.FileSystem {
	t.Helper()
	fs.AddUser(ftptest.User{Name: "bob", Password: "secret", Deny: deny})
	session, err := fs.NewSession(t.Context(), ftpproto.ConnInfo{ID: "1"})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, session.Close())
		require.Empty(t, fs.Problems())
	})
	view, err := session.Login(t.Context(), ftpproto.Credentials{User: "bob", Password: "secret"})
	require.NoError(t, err)
	return view
}

// put uploads data.
func put(ctx context.Context, view ftpproto.FileSystem, name, data string, opts ftpproto.CreateOptions) error {
	up, err := view.Create(ctx, name, opts)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(up, data); err != nil {
		return errors.Join(err, up.Abort(ctx, err))
	}
	return up.Commit(ctx)
}

func TestCreate(t *testing.T) {
	tests := []struct {
		name string
		file string
		opts ftpproto.CreateOptions
		err  error
		tree []string
	}{
		{name: "new", file: "/b", tree: []string{`/a "old bytes"`, `/b "new"`, `/f/`}},
		{name: "with its folders", file: "/x/y", tree: []string{`/a "old bytes"`, `/f/`, `/x/`, `/x/y "new"`}},
		{name: "over", file: "/a", tree: []string{`/a "new"`, `/f/`}},
		{name: "append", file: "/a", opts: ftpproto.CreateOptions{Append: true}, tree: []string{`/a "old bytesnew"`, `/f/`}},
		{name: "append to nothing", file: "/b", opts: ftpproto.CreateOptions{Append: true}, tree: []string{`/a "old bytes"`, `/b "new"`, `/f/`}},
		{name: "in the middle", file: "/a", opts: ftpproto.CreateOptions{Offset: 4}, tree: []string{`/a "old new"`, `/f/`}},
		{name: "at the end", file: "/a", opts: ftpproto.CreateOptions{Offset: 9}, tree: []string{`/a "old bytesnew"`, `/f/`}},
		{name: "behind the end", file: "/a", opts: ftpproto.CreateOptions{Offset: 10}, err: ftpproto.ErrRange},
		{name: "behind nothing", file: "/b", opts: ftpproto.CreateOptions{Offset: 1}, err: ftpproto.ErrRange},
		{name: "exclusive", file: "/a", opts: ftpproto.CreateOptions{Exclusive: true}, err: ftpproto.ErrExist},
		{name: "folder", file: "/f", err: ftpproto.ErrNotFile},
		{name: "under a file", file: "/a/b", err: ftpproto.ErrNotDir},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			fs := ftptest.New()
			fs.AddFile("/a", []byte("old bytes"), time.Time{})
			fs.AddFolder("/f")
			before := fs.Tree()
			err := put(t.Context(), login(t, fs, 0), tt.file, "new", tt.opts)
			require.ErrorIs(t, err, tt.err)
			if tt.err != nil {
				tt.tree = before
			}
			require.Equal(t, tt.tree, fs.Tree())
		})
	}
}

func TestNothingIsVisibleBeforeCommit(t *testing.T) {
	fs := ftptest.New()
	view := login(t, fs, 0)
	up, err := view.Create(t.Context(), "/f/a", ftpproto.CreateOptions{})
	require.NoError(t, err)
	_, err = io.WriteString(up, "data")
	require.NoError(t, err)
	require.Empty(t, fs.Names())
	require.NoError(t, up.Abort(t.Context(), io.ErrUnexpectedEOF))
	require.Empty(t, fs.Names())
}

func TestExclusiveLosesAtCommit(t *testing.T) {
	fs := ftptest.New()
	view := login(t, fs, 0)
	up, err := view.Create(t.Context(), "/a", ftpproto.CreateOptions{Exclusive: true})
	require.NoError(t, err)
	fs.AddFile("/a", []byte("first"), time.Time{})
	require.ErrorIs(t, up.Commit(t.Context()), ftpproto.ErrExist)
	require.Equal(t, []string{`/a "first"`}, fs.Tree())
}

func TestAppendToWhatHasChangedFails(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/a", []byte("old"), time.Time{})
	view := login(t, fs, 0)
	up, err := view.Create(t.Context(), "/a", ftpproto.CreateOptions{Append: true})
	require.NoError(t, err)
	fs.AddFile("/a", []byte("other"), time.Time{})
	require.Error(t, up.Commit(t.Context()))
	require.Equal(t, []string{`/a "other"`}, fs.Tree())
}

func TestOpenReadsOneVersion(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/a", []byte("old bytes"), time.Time{})
	view := login(t, fs, 0)
	r, err := view.Open(t.Context(), "/a", 4)
	require.NoError(t, err)
	fs.AddFile("/a", []byte("something else"), time.Time{})
	require.NoError(t, iotest.TestReader(r, []byte("bytes")))
	require.NoError(t, r.Close())

	_, err = view.Open(t.Context(), "/a", 15)
	require.ErrorIs(t, err, ftpproto.ErrRange)
	_, err = view.Open(t.Context(), "/", 0)
	require.ErrorIs(t, err, ftpproto.ErrNotFile)
	_, err = view.Open(t.Context(), "/b", 0)
	require.ErrorIs(t, err, ftpproto.ErrNotExist)
}

func TestReadDir(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/f/b", []byte("12"), time.Time{})
	fs.AddFile("/f/a/deep", nil, time.Time{})
	view := login(t, fs, 0)
	var names []string
	for info, err := range view.ReadDir(t.Context(), "/f") {
		require.NoError(t, err)
		names = append(names, info.Name)
	}
	require.Equal(t, []string{"a", "b"}, names)
	for _, err := range view.ReadDir(t.Context(), "/f/b") {
		require.ErrorIs(t, err, ftpproto.ErrNotDir)
	}
	for _, err := range view.ReadDir(t.Context(), "/g") {
		require.ErrorIs(t, err, ftpproto.ErrNotExist)
	}
}

func TestChangesOfTheTree(t *testing.T) {
	ctx := t.Context()
	fs := ftptest.New()
	fs.AddFile("/f/a", []byte("1"), time.Time{})
	view := login(t, fs, 0)
	rename := func(from, to string) error {
		info, err := view.Stat(ctx, from, ftpproto.AnyKind)
		require.NoError(t, err)
		return view.Rename(ctx, from, info, to)
	}
	require.ErrorIs(t, view.Rmdir(ctx, "/f"), ftpproto.ErrNotEmpty)
	require.ErrorIs(t, view.Rmdir(ctx, "/f/a"), ftpproto.ErrNotDir)
	require.ErrorIs(t, view.Remove(ctx, "/f"), ftpproto.ErrNotFile)
	require.ErrorIs(t, view.Mkdir(ctx, "/f"), ftpproto.ErrExist)
	require.ErrorIs(t, view.Mkdir(ctx, "/f/a/b"), ftpproto.ErrNotDir)
	require.NoError(t, view.Mkdir(ctx, "/g/h"))
	require.ErrorIs(t, rename("/f", "/f/inside"), ftpproto.ErrName)
	require.ErrorIs(t, rename("/f", "/g"), ftpproto.ErrExist)
	require.NoError(t, rename("/f", "/g/f"))
	require.Equal(t, []string{`/g/`, `/g/f/`, `/g/f/a "1"`, `/g/h/`}, fs.Tree())

	fs.AddFile("/b", []byte("2"), time.Time{})
	require.NoError(t, rename("/b", "/g/f/a"))
	require.NoError(t, view.Rmdir(ctx, "/g/h"))
	require.Equal(t, []string{`/g/`, `/g/f/`, `/g/f/a "2"`}, fs.Tree())
	require.NoError(t, view.Remove(ctx, "/g/f/a"))
	require.ErrorIs(t, view.Remove(ctx, "/g/f/a"), ftpproto.ErrNotExist)
	require.Equal(t, []string{`/g/`, `/g/f/`}, fs.Tree())
}

func TestRenameOfWhatHasBeenReplaced(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/a", []byte("1"), time.Time{})
	view := login(t, fs, 0)
	info, err := view.Stat(t.Context(), "/a", ftpproto.AnyKind)
	require.NoError(t, err)
	fs.AddFile("/a", []byte("2"), time.Time{})
	require.ErrorIs(t, view.Rename(t.Context(), "/a", info, "/b"), ftpproto.ErrNotExist)
}

func TestTimes(t *testing.T) {
	fs := ftptest.New()
	now := ftptest.Epoch.Add(time.Hour)
	fs.SetClock(func() time.Time { return now })
	view := login(t, fs, 0)
	require.NoError(t, put(t.Context(), view, "/a", "1", ftpproto.CreateOptions{}))
	require.Equal(t, []string{`/a 2020-02-20T21:20:20Z "1"`}, fs.Tree())
	require.NoError(t, view.(ftpproto.TimeSetter).SetModTime(t.Context(), "/a", ftptest.Epoch))
	require.Equal(t, []string{`/a "1"`}, fs.Tree())

	fs.AddUser(ftptest.User{Name: "eve", NoTimes: true})
	session, err := fs.NewSession(t.Context(), ftpproto.ConnInfo{ID: "2"})
	require.NoError(t, err)
	defer session.Close()
	plain, err := session.Login(t.Context(), ftpproto.Credentials{User: "eve"})
	require.NoError(t, err)
	_, can := plain.(ftpproto.TimeSetter)
	require.False(t, can)
}

func TestDeny(t *testing.T) {
	ctx := t.Context()
	fs := ftptest.New()
	fs.AddFile("/f/a", []byte("1"), time.Time{})
	all := ftpproto.PermWrite<<1 - 1
	view := login(t, fs, all)
	info, err := view.Stat(ctx, "/f/a", ftpproto.FileKind)
	require.NoError(t, err)
	require.Empty(t, info.Perm.String())
	_, err = view.Open(ctx, "/f/a", 0)
	require.ErrorIs(t, err, ftpproto.ErrDenied)
	for _, err := range view.ReadDir(ctx, "/f") {
		require.ErrorIs(t, err, ftpproto.ErrDenied)
	}
	for _, err := range []error{
		put(ctx, view, "/f/a", "2", ftpproto.CreateOptions{}),
		put(ctx, view, "/f/a", "2", ftpproto.CreateOptions{Append: true}),
		put(ctx, view, "/f/b", "2", ftpproto.CreateOptions{}),
		view.Mkdir(ctx, "/g"),
		view.Rmdir(ctx, "/f"),
		view.Remove(ctx, "/f/a"),
		view.Rename(ctx, "/f/a", info, "/f/b"),
		view.(ftpproto.TimeSetter).SetModTime(ctx, "/f/a", ftptest.Epoch),
	} {
		require.ErrorIs(t, err, ftpproto.ErrDenied)
	}
	require.Equal(t, []string{`/f/`, `/f/a "1"`}, fs.Tree())
}

func TestHooks(t *testing.T) {
	broken := errors.New("broken")
	fs := ftptest.New()
	fs.AddFile("/a", []byte("12345"), time.Time{})
	fs.AddHook(ftptest.Hook{Op: ftptest.OpRead, Name: "/a", At: 3, Do: ftptest.Fail(broken)})
	fs.AddHook(ftptest.Hook{Op: ftptest.OpWrite, Name: "/b", At: 2, Do: ftptest.Block})
	fs.AddHook(ftptest.Hook{Op: ftptest.OpMkdir, Do: ftptest.Fail(broken)})
	view := login(t, fs, 0)

	r, err := view.Open(t.Context(), "/a", 0)
	require.NoError(t, err)
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, broken)
	require.Equal(t, "123", string(got))
	require.NoError(t, r.Close())

	ctx, cancel := context.WithCancel(t.Context())
	up, err := view.Create(ctx, "/b", ftpproto.CreateOptions{})
	require.NoError(t, err)
	n, err := io.WriteString(up, "12")
	require.NoError(t, err)
	require.Equal(t, 2, n)
	cancel()
	n, err = io.WriteString(up, "3")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, n)
	require.NoError(t, up.Abort(t.Context(), err))

	require.ErrorIs(t, view.Mkdir(t.Context(), "/x"), broken)
}

func TestProblems(t *testing.T) {
	ctx := t.Context()
	fs := ftptest.New()
	fs.AddFile("/a", nil, time.Time{})
	fs.AddUser(ftptest.User{Name: "bob"})
	session, err := fs.NewSession(ctx, ftpproto.ConnInfo{ID: "7"})
	require.NoError(t, err)
	view, err := session.Login(ctx, ftpproto.Credentials{User: "bob"})
	require.NoError(t, err)
	r, err := view.Open(ctx, "/a", 0)
	require.NoError(t, err)
	up, err := view.Create(ctx, "/b", ftpproto.CreateOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{
		"left open: reader of /a (1)", "left open: session 7 (1)", "left open: upload to /b (1)",
	}, fs.Problems())

	require.NoError(t, r.Close())
	require.NoError(t, up.Commit(ctx))
	require.NoError(t, session.Close())
	require.Empty(t, fs.Problems())

	require.NoError(t, r.Close())
	require.NoError(t, up.Abort(ctx, nil))
	require.NoError(t, session.Close())
	_, err = view.Stat(ctx, "/a/../b", ftpproto.AnyKind)
	require.ErrorIs(t, err, ftpproto.ErrNotExist)
	require.Equal(t, []string{
		`breach of contract: reader of "/a" closed twice`,
		`breach of contract: upload to "/b" aborted after its end`,
		`breach of contract: upload to "/b" aborted without a cause`,
		`breach of contract: session 7 closed twice`,
		`breach of contract: stat of unclean name "/a/../b"`,
		`breach of contract: stat of ["/a/../b"] after its session ended`,
	}, fs.Problems())
}

func TestHash(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/a", []byte("hello world"), time.Time{})
	fs.AddFolder("/f")
	hasher := login(t, fs, 0).(ftpproto.Hasher)
	for _, test := range []struct {
		name     string
		from, to int64
		want     string
		err      error
	}{
		{name: "/a", to: -1, want: "hello world"},
		{name: "/a", from: 6, to: -1, want: "world"},
		{name: "/a", from: 4, to: 5, want: "o"},
		{name: "/a", from: 11, to: 11},
		{name: "/a", from: 12, to: -1, err: ftpproto.ErrRange},
		{name: "/a", to: 12, err: ftpproto.ErrRange},
		{name: "/f", to: -1, err: ftpproto.ErrNotFile},
		{name: "/b", to: -1, err: ftpproto.ErrNotExist},
	} {
		got, err := hasher.Hash(t.Context(), test.name, ftpproto.SHA256, test.from, test.to)
		require.ErrorIs(t, err, test.err)
		if test.err == nil {
			sum := sha256.Sum256([]byte(test.want))
			require.Equal(t, ftpproto.Digest{Sum: sum[:], Bytes: int64(len(test.want))}, got, "%+v", test)
		}
	}
}

func TestHashDenied(t *testing.T) {
	fs := ftptest.New()
	fs.AddFile("/a", []byte("hello world"), time.Time{})
	_, err := login(t, fs, ftpproto.PermRead).(ftpproto.Hasher).Hash(t.Context(), "/a", ftpproto.MD5, 0, -1)
	require.ErrorIs(t, err, ftpproto.ErrDenied)
}
