package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
	"github.com/tidegate/tidegate/ftpproto"
)

func TestUploadAndDownload(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		fs := f.user(t, Mount{Path: "/", Store: "one", Prefix: "bob", Permissions: MayAll})
		require.NoError(t, send(ctx, fs, "/a/b", "first", ftpproto.CreateOptions{}))
		require.Equal(t, "first", f.get(t, "one", "bob/a/b"))
		require.NoError(t, send(ctx, fs, "/a/b", "second", ftpproto.CreateOptions{}))
		require.NoError(t, send(ctx, fs, "/a/b", "!", ftpproto.CreateOptions{Append: true}))
		require.NoError(t, send(ctx, fs, "/a/b", "OND?", ftpproto.CreateOptions{Offset: 3}))
		require.Equal(t, "secOND?", f.get(t, "one", "bob/a/b"))
		require.ErrorIs(t, send(ctx, fs, "/a/b", "x", ftpproto.CreateOptions{Offset: 8}), ftpproto.ErrRange)
		require.ErrorIs(t, send(ctx, fs, "/a/b", "x", ftpproto.CreateOptions{Exclusive: true}), ftpproto.ErrExist)

		info, err := fs.Stat(ctx, "/a/b", ftpproto.FileKind)
		require.NoError(t, err)
		require.Equal(t, "b", info.Name)
		require.EqualValues(t, 7, info.Size)
		require.False(t, info.IsDir)
		require.False(t, info.ModTime.IsZero())
		require.Equal(t, "adfrw", info.Perm.String())

		for off, want := range map[int64]string{0: "secOND?", 3: "OND?", 7: ""} {
			r, err := fs.Open(ctx, "/a/b", off)
			require.NoError(t, err)
			var got bytes.Buffer
			_, err = io.Copy(&got, r)
			require.NoError(t, err)
			require.Equal(t, want, got.String())
			require.NoError(t, r.Close())

			r, err = fs.Open(ctx, "/a/b", off)
			require.NoError(t, err)
			data, err := io.ReadAll(struct{ io.Reader }{r})
			require.NoError(t, err)
			require.Equal(t, want, string(data))
			require.NoError(t, r.Close())
		}
		_, err = fs.Open(ctx, "/a/b", 8)
		require.ErrorIs(t, err, ftpproto.ErrRange)
		for _, name := range []string{"/none", "/a", "/a/b/c"} {
			_, err = fs.Open(ctx, name, 0)
			require.ErrorIs(t, err, ftpproto.ErrNotExist, name)
			_, err = fs.Stat(ctx, name, ftpproto.FileKind)
			require.ErrorIs(t, err, ftpproto.ErrNotExist, name)
			require.ErrorIs(t, fs.Remove(ctx, name), ftpproto.ErrNotExist, name)
		}
	})
}

// TestAbort: what is not committed is nowhere, and why is in the log.
func TestAbort(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "a")
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
		for _, name := range []string{"/a", "/new"} {
			file, err := fs.Create(ctx, name, ftpproto.CreateOptions{})
			require.NoError(t, err)
			_, err = io.WriteString(file, "half of")
			require.NoError(t, err)
			require.NoError(t, file.Abort(ctx, errors.New("the client died")))
		}
		require.Equal(t, "data of a", f.get(t, "one", "a"))
		require.Equal(t, []string{"a"}, names(t, fs, "/"))
		require.Regexp(t, `msg="upload not published" session=42 user=bob path=/new store=one key=new upload=[A-Z2-7]{26} bytes=7 err="the client died"`, f.log.String())
	})
}

func TestFolders(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		fs := f.user(t, Mount{Path: "/", Store: "one", Prefix: "p", Permissions: MayAll})
		require.NoError(t, fs.Mkdir(ctx, "/a/b"))
		require.ErrorIs(t, fs.Mkdir(ctx, "/a/b"), ftpproto.ErrExist)
		info, err := fs.Stat(ctx, "/a/b", ftpproto.AnyKind)
		require.NoError(t, err)
		require.True(t, info.IsDir)
		require.Equal(t, "b", info.Name)
		require.Equal(t, "cdeflmp", info.Perm.String())
		require.Equal(t, []string{"b/"}, names(t, fs, "/a"))
		require.Empty(t, names(t, fs, "/a/b"))
		require.ErrorIs(t, fs.Rmdir(ctx, "/a"), ftpproto.ErrNotEmpty)
		require.NoError(t, fs.Rmdir(ctx, "/a/b"))
		require.ErrorIs(t, fs.Rmdir(ctx, "/a/b"), ftpproto.ErrNotExist)
		_, err = fs.Stat(ctx, "/a/b", ftpproto.AnyKind)
		require.ErrorIs(t, err, ftpproto.ErrNotExist)
		_, err = fs.Stat(ctx, "/a/b", ftpproto.DirKind)
		require.ErrorIs(t, err, ftpproto.ErrNotExist)

		require.NoError(t, send(ctx, fs, "/file", "", ftpproto.CreateOptions{}))
		_, err = fs.Stat(ctx, "/file", ftpproto.DirKind)
		require.ErrorIs(t, err, ftpproto.ErrNotExist)
		require.ErrorIs(t, listError(ctx, fs, "/file"), ftpproto.ErrNotExist)
		require.ErrorIs(t, fs.Rmdir(ctx, "/file"), ftpproto.ErrNotExist)
	})
}

func TestRename(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		fs := f.user(t,
			Mount{Path: "/home", Store: "one", Prefix: "home", Permissions: MayAll},
			Mount{Path: "/done", Store: "one", Prefix: "done", Permissions: MayAll},
			Mount{Path: "/same", Store: "one", Prefix: "home/d", Permissions: MayAll},
			Mount{Path: "/box", Store: "one", Prefix: "box", Permissions: MayWrite},
			Mount{Path: "/shelf", Store: "one", Prefix: "shelf", Permissions: MayList | MayRead | MayRename},
			Mount{Path: "/far", Store: "two", Permissions: MayAll})
		rename := func(from, to string) error {
			info, err := fs.Stat(ctx, from, ftpproto.AnyKind)
			require.NoError(t, err)
			return fs.Rename(ctx, from, info, to)
		}
		f.put(t, "one", "home/a", "home/b", "home/d/x", "home/d/y/z", "shelf/a", "home/t", "box/t")
		require.NoError(t, rename("/home/a", "/home/b"))
		require.Equal(t, "data of home/a", f.get(t, "one", "home/b"), "replaced")
		require.Empty(t, f.get(t, "one", "home/a"))
		require.NoError(t, rename("/home/b", "/home/b"), "to its own name")
		require.NoError(t, rename("/home/d", "/home/d"))
		require.NoError(t, rename("/home/d/x", "/same/x"), "to its own name by another mount")
		require.Equal(t, "data of home/d/x", f.get(t, "one", "home/d/x"))

		require.NoError(t, rename("/home/b", "/done/new/b"), "to another mount of the store")
		require.Equal(t, "data of home/a", f.get(t, "one", "done/new/b"))
		require.NoError(t, rename("/done/new/b", "/box/b"))
		require.Equal(t, "data of home/a", f.get(t, "one", "box/b"))
		require.ErrorIs(t, rename("/home/t", "/box/t"), ftpproto.ErrExist, "no right to overwrite there")
		require.ErrorIs(t, rename("/home/t", "/shelf/t"), ftpproto.ErrDenied, "no right to upload there")
		require.NoError(t, rename("/shelf/a", "/shelf/b"))
		require.ErrorIs(t, rename("/home/t", "/far/t"), errOtherStore)
		require.ErrorIs(t, rename("/home/d", "/far/d"), errOtherStore)
		require.ErrorIs(t, rename("/home/t", "/nowhere"), ftpproto.ErrDenied)

		require.ErrorIs(t, rename("/home/d", "/home/d/y/d"), errIntoItself)
		require.ErrorIs(t, rename("/home/d", "/same/d"), errIntoItself)
		require.NoError(t, rename("/home/d", "/done/dd"))
		require.Equal(t, "data of home/d/y/z", f.get(t, "one", "done/dd/y/z"))
		require.NotContains(t, names(t, fs, "/home"), "d/")

		f.put(t, "one", "home/t")
		info, err := fs.Stat(ctx, "/home/t", ftpproto.AnyKind)
		require.NoError(t, err)
		require.Error(t, fs.Rename(ctx, "/done/dd", ftpproto.FileInfo{}, "/done/x"), "not what Stat said")
		require.Error(t, fs.Rename(ctx, "/done/dd/x", info, "/done/x"))
		require.NoError(t, fs.Remove(ctx, "/home/t"))
		require.ErrorIs(t, fs.Rename(ctx, "/home/t", info, "/home/u"), ftpproto.ErrNotExist)
	})
}

func TestSetModTime(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "a")
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
		want := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC)
		require.NoError(t, fs.(ftpproto.TimeSetter).SetModTime(ctx, "/a", want))
		info, err := fs.Stat(ctx, "/a", ftpproto.FileKind)
		require.NoError(t, err)
		require.True(t, want.Equal(info.ModTime))
		require.ErrorIs(t, fs.(ftpproto.TimeSetter).SetModTime(ctx, "/none", want), ftpproto.ErrNotExist)
	})
}

// broken is a store that fails.
type broken struct {
	backends.Driver
	err error
}

func (d *broken) Stat(context.Context, string) (backends.Info, error) { return backends.Info{}, d.err }

func (d *broken) ListPage(context.Context, backends.ListOptions) (backends.Page, error) {
	return backends.Page{}, d.err
}

func (d *broken) ReadRange(context.Context, string, string, int64, int64) (io.ReadCloser, backends.Info, error) {
	return nil, backends.Info{}, d.err
}

func (d *broken) Put(context.Context, string, backends.Body, backends.WriteOptions) (backends.Info, error) {
	return backends.Info{}, d.err
}

func (d *broken) Copy(context.Context, string, backends.Info, backends.WriteOptions) (backends.Info, error) {
	return backends.Info{}, d.err
}

func (d *broken) Delete(context.Context, []backends.Target) error { return d.err }

func TestReplies(t *testing.T) {
	ctx := t.Context()
	const secret = "dial tcp 10.1.2.3:9000: bucket acme-private"
	for kind, want := range map[backends.Kind]struct {
		code   int
		text   string
		logged bool
	}{
		backends.ErrUnknown:     {451, "store behind this server failed", true},
		backends.ErrNotExist:    {550, "No such file", false},
		backends.ErrExist:       {550, "File exists", false},
		backends.ErrNotEmpty:    {550, "not empty", false},
		backends.ErrPermission:  {451, "refuses this server access", true},
		backends.ErrInvalid:     {553, "name not allowed", false},
		backends.ErrChanged:     {451, "changed by somebody else", false},
		backends.ErrRange:       {554, "Restart offset", false},
		backends.ErrUploadGone:  {451, "again from its beginning", true},
		backends.ErrTooLarge:    {552, "larger than the store takes", false},
		backends.ErrQuota:       {552, "out of space", true},
		backends.ErrUnavailable: {451, "not available; nothing is wrong with the request", true},
		backends.ErrUnsupported: {504, "cannot do this", false},
	} {
		require.Contains(t, outcomes, kind)
		f := newFixture(t, func(*testing.T) backends.Driver {
			return &broken{memstore.New(memstore.Options{}), backends.NewError("op", "key", kind, errors.New(secret))}
		})
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
		err := send(ctx, fs, "/a\r\nb", "data", ftpproto.CreateOptions{})
		code, text := ftpproto.ReplyTo(err, 0, "")
		require.Equal(t, want.code, code, "%v", kind)
		require.Contains(t, text, want.text)
		require.NotContains(t, text, "10.1.2.3")
		require.ErrorIs(t, err, kind, "the cause stays with it")
		if want.logged {
			require.Contains(t, f.log.String(), `msg="store failed" session=42 user=bob path=/a%0D%0Ab store=one err=`)
			require.Contains(t, f.log.String(), secret)
		} else {
			require.NotContains(t, f.log.String(), "store failed")
		}
	}
	require.Len(t, outcomes, int(backends.ErrUnsupported)+1, "one for each kind")
}

// TestAWriteOnlyStore: a store that denies looking says 550 to who looks.
func TestAWriteOnlyStore(t *testing.T) {
	f := newFixture(t, func(*testing.T) backends.Driver {
		return &broken{memstore.New(memstore.Options{}), backends.NewError("op", "key", backends.ErrPermission, nil)}
	})
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	_, err := fs.Stat(t.Context(), "/a", ftpproto.FileKind)
	require.ErrorIs(t, err, ftpproto.ErrDenied)
	_, err = fs.Open(t.Context(), "/a", 0)
	require.ErrorIs(t, err, ftpproto.ErrDenied)
}

// TestAStoreThatCannotBeUsed: with credentials that are refused, or a bucket that is gone, it is not
// the client who is wrong.
func TestAStoreThatCannotBeUsed(t *testing.T) {
	for _, kind := range []backends.Kind{backends.ErrPermission, backends.ErrNotExist} {
		f := newFixture(t, func(*testing.T) backends.Driver {
			return &broken{memstore.New(memstore.Options{}), backends.NewError("op", "key", kind, nil)}
		})
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
		fs.(*fileSystem).health.set("one", errors.New("its credentials are not known there"))
		_, statErr := fs.Stat(t.Context(), "/a", ftpproto.FileKind)
		_, openErr := fs.Open(t.Context(), "/a", 0)
		for op, err := range map[string]error{
			"SIZE": statErr, "RETR": openErr, "LIST": listError(t.Context(), fs, "/sub"),
			"MFMT": fs.(ftpproto.TimeSetter).SetModTime(t.Context(), "/a", time.Unix(1, 0)),
		} {
			code, _ := ftpproto.ReplyTo(err, 0, "")
			require.Equal(t, 451, code, "%s: %v", op, err)
		}
	}
}

// TestAStoreThatIsAway: every operation says so, and none succeeds.
func TestAStoreThatIsAway(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, func(*testing.T) backends.Driver {
		return &broken{memstore.New(memstore.Options{}), backends.NewError("op", "key", backends.ErrUnavailable, nil)}
	})
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	_, statErr := fs.Stat(ctx, "/a", ftpproto.FileKind)
	_, anyErr := fs.Stat(ctx, "/a", ftpproto.AnyKind)
	_, folderErr := fs.Stat(ctx, "/a", ftpproto.DirKind)
	_, openErr := fs.Open(ctx, "/a", 0)
	for op, err := range map[string]error{
		"SIZE": statErr, "MLST": anyErr, "CWD": folderErr, "RETR": openErr,
		"LIST": listError(ctx, fs, "/"),
		"STOR": send(ctx, fs, "/a", "data", ftpproto.CreateOptions{}),
		"APPE": send(ctx, fs, "/a", "data", ftpproto.CreateOptions{Append: true}),
		"MKD":  fs.Mkdir(ctx, "/a"),
		"RMD":  fs.Rmdir(ctx, "/a"),
		"DELE": fs.Remove(ctx, "/a"),
		"MFMT": fs.(ftpproto.TimeSetter).SetModTime(ctx, "/a", time.Unix(1, 0)),
	} {
		code, text := ftpproto.ReplyTo(err, 0, "")
		require.Equal(t, 451, code, "%s: %v", op, err)
		require.Contains(t, text, "not available")
	}
}

// TestWhatTheClientDoesIsNoFaultOfTheStore: the error of the connection that a File is read from
// comes back as it is.
func TestWhatTheClientDoesIsNoFaultOfTheStore(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	file, err := fs.Create(t.Context(), "/a", ftpproto.CreateOptions{})
	require.NoError(t, err)
	reset := errors.New("connection reset by peer")
	_, err = file.(io.ReaderFrom).ReadFrom(io.MultiReader(bytes.NewReader([]byte("half")), failing{reset}))
	require.Equal(t, reset, err)
	require.NoError(t, file.Abort(t.Context(), reset))

	f.put(t, "one", "b")
	r, err := fs.Open(t.Context(), "/b", 0)
	require.NoError(t, err)
	_, err = r.(io.WriterTo).WriteTo(failing{reset})
	require.Equal(t, reset, err)
	require.NoError(t, r.Close())
	require.NotContains(t, f.log.String(), "store failed")
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// TestRemoveATree removes folders without markers from below, as clients remove trees.
func TestRemoveATree(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, kinds["memory"])
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	require.NoError(t, send(ctx, fs, "/a/b/c", "data", ftpproto.CreateOptions{}))
	require.ErrorIs(t, fs.Rmdir(ctx, "/a/x"), ftpproto.ErrNotExist)
	require.NoError(t, fs.Remove(ctx, "/a/b/c"))
	require.NoError(t, fs.Rmdir(ctx, "/a/b"))
	require.NoError(t, fs.Rmdir(ctx, "/a"))
	require.ErrorIs(t, fs.Rmdir(ctx, "/x"), ftpproto.ErrNotExist)
}

// TestWhatTheClientEndedIsNoFault: ABOR is no reason to suspect the store.
func TestWhatTheClientEndedIsNoFault(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	f := newFixture(t, kinds["memory"])
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	file, err := fs.Create(ctx, "/a", ftpproto.CreateOptions{})
	require.NoError(t, err)
	cancel(ftpproto.NewError(426, "Transfer aborted.", nil))
	_, err = file.Write([]byte("data"))
	require.Error(t, err)
	require.NoError(t, file.Abort(t.Context(), err))
	require.NotContains(t, f.log.String(), "store failed")
}

// TestALetterBoxTellsNothingByTimes: the answer to MFMT would tell which files are there.
func TestALetterBoxTellsNothingByTimes(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayWrite})
	require.NoError(t, send(t.Context(), fs, "/a", "data", ftpproto.CreateOptions{}))
	for _, name := range []string{"/a", "/b"} {
		require.ErrorIs(t, fs.(ftpproto.TimeSetter).SetModTime(t.Context(), name, time.Now()), ftpproto.ErrDenied)
	}
}
