package gateway

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
)

func TestParsePermission(t *testing.T) {
	var all Permissions
	for _, name := range []string{"list", "read", "write", "overwrite", "append", "delete", "rename", "mkdir", "rmdir"} {
		p, err := ParsePermission(name)
		require.NoError(t, err)
		require.NotZero(t, p)
		require.Zero(t, all&p, "%s is another's", name)
		all |= p
	}
	p, err := ParsePermission("all")
	require.NoError(t, err)
	require.Equal(t, all, p)
	require.Equal(t, MayAll, p)
	for _, name := range []string{"", "LIST", "exec", "list,read"} {
		_, err := ParsePermission(name)
		require.ErrorContains(t, err, "want one of list, read, write")
	}
}

func TestPermFacts(t *testing.T) {
	for _, c := range []struct {
		have                  Permissions
		file, folder, atMount string
	}{
		{0, "", "e", "e"},
		{MayAll, "adfrw", "cdeflmp", "celmp"},
		{MayList | MayRead, "r", "el", "el"},
		{MayWrite, "", "ce", "ce"},
		{MayOverwrite, "w", "ce", "ce"},
		{MayAppend, "a", "ce", "ce"},
		{MayDelete, "d", "ep", "ep"},
		{MayRename, "f", "ef", "e"},
		{MayMkdir, "", "em", "em"},
		{MayRmdir, "", "dep", "ep"},
	} {
		require.Equal(t, c.file, c.have.ofFile().String())
		require.Equal(t, c.folder, c.have.ofFolder(false).String())
		require.Equal(t, c.atMount, c.have.ofFolder(true).String())
	}
}

// TestPermissions tries every operation with every permission alone, and with all but it.
func TestPermissions(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	operations := []struct {
		name string
		any  Permissions // of which one is needed
		run  func(ctx context.Context, fs ftpproto.FileSystem) error
	}{
		{"LIST", MayList, func(ctx context.Context, fs ftpproto.FileSystem) error { return listError(ctx, fs, "/d") }},
		{"RETR", MayRead, func(ctx context.Context, fs ftpproto.FileSystem) error {
			r, err := fs.Open(ctx, "/file", 0)
			if err == nil {
				err = r.Close()
			}
			return err
		}},
		{"SIZE", mayKnow, func(ctx context.Context, fs ftpproto.FileSystem) error {
			_, err := fs.Stat(ctx, "/file", ftpproto.FileKind)
			return err
		}},
		{"MLST", mayKnow, func(ctx context.Context, fs ftpproto.FileSystem) error {
			_, err := fs.Stat(ctx, "/file", ftpproto.AnyKind)
			return err
		}},
		{"STOR new", mayCreate, func(ctx context.Context, fs ftpproto.FileSystem) error {
			return send(ctx, fs, "/new", "data", ftpproto.CreateOptions{})
		}},
		{"STOU", mayCreate, func(ctx context.Context, fs ftpproto.FileSystem) error {
			return send(ctx, fs, "/unique", "data", ftpproto.CreateOptions{Exclusive: true})
		}},
		{"REST STOR", MayOverwrite, func(ctx context.Context, fs ftpproto.FileSystem) error {
			return send(ctx, fs, "/file", "data", ftpproto.CreateOptions{Offset: 1})
		}},
		{"APPE", MayAppend, func(ctx context.Context, fs ftpproto.FileSystem) error {
			return send(ctx, fs, "/file", "data", ftpproto.CreateOptions{Append: true})
		}},
		{"DELE", MayDelete, func(ctx context.Context, fs ftpproto.FileSystem) error { return fs.Remove(ctx, "/file") }},
		{"RNTO", MayRename, func(ctx context.Context, fs ftpproto.FileSystem) error {
			info, err := fs.Stat(ctx, "/file", ftpproto.FileKind)
			if err != nil {
				return err
			}
			return fs.Rename(ctx, "/file", info, "/other")
		}},
		{"MKD", MayMkdir, func(ctx context.Context, fs ftpproto.FileSystem) error { return fs.Mkdir(ctx, "/made") }},
		{"RMD", MayRmdir, func(ctx context.Context, fs ftpproto.FileSystem) error { return fs.Rmdir(ctx, "/bare") }},
		{"MFMT", mayCreate, func(ctx context.Context, fs ftpproto.FileSystem) error {
			return fs.(ftpproto.TimeSetter).SetModTime(ctx, "/file", time.Unix(1, 0))
		}},
		{"CWD", MayAll, func(ctx context.Context, fs ftpproto.FileSystem) error {
			_, err := fs.Stat(ctx, "/d", ftpproto.DirKind)
			return err
		}},
	}
	ctx := t.Context()
	store := f.stores["one"]
	for _, have := range permissionNames {
		for _, set := range []Permissions{have.set, MayAll &^ have.set} {
			fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: set})
			for _, op := range operations {
				f.put(t, "one", "file", "d/x")
				_ = store.MakeFolder(ctx, "bare") // or it is there
				err := op.run(ctx, fs)
				if op.name == "CWD" || set.some(op.any) && (op.name != "RNTO" && op.name != "MFMT" || set.some(mayKnow)) {
					require.NoError(t, err, "%s with %s", op.name, set.ofFolder(false))
				} else {
					require.ErrorIs(t, err, ftpproto.ErrDenied, "%s with %b", op.name, set)
					require.Equal(t, "data of file", f.get(t, "one", "file"))
				}
				_ = store.Remove(ctx, "new")
				_ = store.Remove(ctx, "unique")
				_ = store.Remove(ctx, "other")
				_ = store.RemoveFolder(ctx, "made")
			}
		}
	}
}

// TestLetterBox: who may only write learns nothing, and replaces nothing.
func TestLetterBox(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "in/taken", "in/folder/x")
		fs := f.user(t, Mount{Path: "/in", Store: "one", Prefix: "in", Permissions: MayWrite})
		require.Equal(t, []string{"in/"}, names(t, fs, "/"))
		require.ErrorIs(t, listError(ctx, fs, "/in"), ftpproto.ErrDenied)
		for _, name := range []string{"/in/taken", "/in/free"} {
			for _, kind := range []ftpproto.Kind{ftpproto.FileKind, ftpproto.AnyKind} {
				_, err := fs.Stat(ctx, name, kind)
				require.ErrorIs(t, err, ftpproto.ErrDenied, "%s: there or not", name)
			}
			_, err := fs.Open(ctx, name, 0)
			require.ErrorIs(t, err, ftpproto.ErrDenied)
		}
		info, err := fs.Stat(ctx, "/in/folder", ftpproto.AnyKind)
		require.NoError(t, err, "folders are entered by everybody")
		require.True(t, info.IsDir)

		f.requests["one"].Calls()
		file, err := fs.Create(ctx, "/in/taken", ftpproto.CreateOptions{})
		require.NoError(t, err, "not even this tells before all is sent")
		require.Empty(t, f.requests["one"].Calls())
		_, err = io.WriteString(file, "other")
		require.NoError(t, err)
		require.ErrorIs(t, file.Commit(ctx), ftpproto.ErrExist)
		require.Equal(t, "data of in/taken", f.get(t, "one", "in/taken"))

		require.NoError(t, send(ctx, fs, "/in/free", "new", ftpproto.CreateOptions{}))
		require.Equal(t, "new", f.get(t, "one", "in/free"))
		require.ErrorIs(t, send(ctx, fs, "/in/free", "again", ftpproto.CreateOptions{}), ftpproto.ErrExist)
		require.Equal(t, "new", f.get(t, "one", "in/free"))
	})
}

// TestNoOverwrite: who can see that a file is there hears so before sending it.
func TestNoOverwrite(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "taken", "mine")
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll &^ MayOverwrite})
		_, err := fs.Create(ctx, "/taken", ftpproto.CreateOptions{})
		require.ErrorIs(t, err, ftpproto.ErrExist)

		info, err := fs.Stat(ctx, "/mine", ftpproto.AnyKind)
		require.NoError(t, err)
		require.ErrorIs(t, fs.Rename(ctx, "/mine", info, "/taken"), ftpproto.ErrExist)
		require.Equal(t, "data of taken", f.get(t, "one", "taken"))
		require.NoError(t, fs.Rename(ctx, "/mine", info, "/free"))
		require.Equal(t, "data of mine", f.get(t, "one", "free"))

		file, err := fs.Create(ctx, "/race", ftpproto.CreateOptions{})
		require.NoError(t, err)
		f.put(t, "one", "race")
		require.ErrorIs(t, file.Commit(ctx), ftpproto.ErrExist)
		require.Equal(t, "data of race", f.get(t, "one", "race"))
	})
}
