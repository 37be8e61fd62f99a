package gateway

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

func TestFind(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	tree, err := newMountTree("bob", []Mount{
		{Path: "/home", Store: "one", Prefix: "partners/{user}/"},
		{Path: "/home/shared/in", Store: "two", Prefix: "in-{user}"},
		{Path: "/out", Store: "two"},
	}, f.stores)
	require.NoError(t, err)
	for name, want := range map[string]struct {
		store, key string
		fixed      bool
	}{
		"/":                    {"", "", true},
		"/home":                {"one", "partners/bob", true},
		"/home/x":              {"one", "partners/bob/x", false},
		"/home/x/y":            {"one", "partners/bob/x/y", false},
		"/home/shared":         {"one", "partners/bob/shared", true},
		"/home/shared/x":       {"one", "partners/bob/shared/x", false},
		"/home/shared/in":      {"two", "in-bob", true},
		"/home/shared/in/x":    {"two", "in-bob/x", false},
		"/home/shared/in2":     {"one", "partners/bob/shared/in2", false},
		"/homes":               {"", "", false},
		"/out":                 {"two", "", true},
		"/out/x":               {"two", "x", false},
		"/other":               {"", "", false},
		"/home/{user}":         {"one", "partners/bob/{user}", false},
		"/home/ leading space": {"one", "partners/bob/ leading space", false},
		"/home/a%00b":          {"one", "partners/bob/a\x00b", false},
		"/home/caf%E9":         {"one", "partners/bob/caf\xe9", false},
		"/home/%2E%2E/x":       {"one", "partners/bob/../x", false},
		"/home/%2F":            {"one", "partners/bob/", false},
	} {
		p, err := tree.find(name)
		require.NoError(t, err, name)
		require.Equal(t, name, p.name)
		require.Equal(t, want.fixed, p.fixed, name)
		require.Equal(t, want.key, p.key, name)
		store := ""
		if p.mount != nil {
			store = p.mount.store.Name()
		}
		require.Equal(t, want.store, store, name)
	}
	for _, name := range []string{"", "home", "//", "/home/", "/home//x", "/home/../x", "/home/x/..", "/home/.", "/.."} {
		_, err := tree.find(name)
		require.ErrorIs(t, err, ftpproto.ErrName, "%q", name)
	}
}

// TestAPrefixIsAFolder: "bob" is the beginning of "bobby", and has nothing to do with it.
func TestAPrefixIsAFolder(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "partners/bob/mine", "partners/bobby/other", "partners/bob.txt", "outside", "partners/bob2/x")
		for _, prefix := range []string{"partners/bob/", "partners/bob", "partners/{user}"} {
			fs := f.user(t, Mount{Path: "/", Store: "one", Prefix: prefix, Permissions: MayAll})
			require.Equal(t, []string{"mine"}, names(t, fs, "/"))
			for _, name := range []string{"/by", "/by/other", "/.txt", "/../bobby/other", "/../../outside", "/partners/bob/mine", "/2/x"} {
				_, err := fs.Stat(ctx, name, ftpproto.AnyKind)
				require.Error(t, err, name)
				_, err = fs.Open(ctx, name, 0)
				require.Error(t, err, name)
				require.Error(t, fs.Remove(ctx, name), name)
				info, err := fs.Stat(ctx, "/mine", ftpproto.FileKind)
				require.NoError(t, err)
				if strings.Contains(name, "..") {
					require.ErrorIs(t, fs.Rename(ctx, "/mine", info, name), ftpproto.ErrName)
					_, err = fs.Create(ctx, name, ftpproto.CreateOptions{})
					require.ErrorIs(t, err, ftpproto.ErrName)
				}
			}
		}
		require.Equal(t, "data of partners/bobby/other", f.get(t, "one", "partners/bobby/other"))
	})
}

func TestStateIsOutOfReach(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
		require.NoError(t, send(ctx, fs, "/a", "data", ftpproto.CreateOptions{}))
		for _, name := range []string{"/.tidegate", "/.tidegate/uploads", "/.tidegate/x"} {
			for _, kind := range []ftpproto.Kind{ftpproto.AnyKind, ftpproto.FileKind, ftpproto.DirKind} {
				_, err := fs.Stat(ctx, name, kind)
				require.ErrorIs(t, err, ftpproto.ErrNotExist)
			}
			require.ErrorIs(t, listError(ctx, fs, name), ftpproto.ErrNotExist)
			_, err := fs.Open(ctx, name, 0)
			require.ErrorIs(t, err, ftpproto.ErrNotExist)
			require.ErrorIs(t, send(ctx, fs, name, "x", ftpproto.CreateOptions{}), ftpproto.ErrName)
			require.ErrorIs(t, fs.Mkdir(ctx, name), ftpproto.ErrName)
			require.Error(t, fs.Rmdir(ctx, name))
			require.Error(t, fs.Remove(ctx, name))
			info, err := fs.Stat(ctx, "/a", ftpproto.FileKind)
			require.NoError(t, err)
			require.ErrorIs(t, fs.Rename(ctx, "/a", info, name), ftpproto.ErrName)
		}
		require.Equal(t, []string{"a"}, names(t, fs, "/"))
	})
}

func TestListOfMounts(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		f.put(t, "one", "home/a", "home/c/x", "home/in/hidden", "home/in-file", "home/z")
		f.put(t, "two", "in/visible")
		fs := f.user(t,
			Mount{Path: "/home", Store: "one", Prefix: "home", Permissions: MayAll},
			Mount{Path: "/home/in", Store: "two", Prefix: "in", Permissions: MayAll},
			Mount{Path: "/home/deep/er", Store: "two", Prefix: "empty", Permissions: MayAll},
			Mount{Path: "/home/zz", Store: "two", Permissions: MayWrite},
			Mount{Path: "/box", Store: "two", Prefix: "box", Permissions: MayWrite},
		)
		require.Equal(t, []string{"box/", "home/"}, names(t, fs, "/"))
		require.Equal(t, []string{"a", "c/", "deep/", "in-file", "in/", "z", "zz/"}, names(t, fs, "/home"), "in the order of keys")
		require.Equal(t, []string{"visible"}, names(t, fs, "/home/in"))
		require.Equal(t, []string{"er/"}, names(t, fs, "/home/deep"))
		require.Empty(t, names(t, fs, "/home/deep/er"), "nothing was put there yet")
		require.Equal(t, []string{"x"}, names(t, fs, "/home/c"))

		ctx := t.Context()
		require.ErrorIs(t, listError(ctx, fs, "/box"), ftpproto.ErrDenied)
		require.ErrorIs(t, listError(ctx, fs, "/none"), ftpproto.ErrNotExist)
		require.ErrorIs(t, listError(ctx, fs, "/home/none"), ftpproto.ErrNotExist)
		require.ErrorIs(t, listError(ctx, fs, "/home/../x"), ftpproto.ErrName)

		// A caller may stop anywhere.
		for stop := range 7 {
			seen := 0
			for range fs.ReadDir(ctx, "/home") {
				if seen++; seen > stop {
					break
				}
			}
			require.Equal(t, stop+1, seen)
		}
	})
}

// TestMountsInALetterBox: who may not list a folder still finds the mounts in it.
func TestMountsInALetterBox(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		f.put(t, "one", "letter")
		fs := f.user(t,
			Mount{Path: "/", Store: "one", Permissions: MayWrite},
			Mount{Path: "/out", Store: "two", Permissions: MayList | MayRead})
		require.Equal(t, []string{"out/"}, names(t, fs, "/"))
		info, err := fs.Stat(t.Context(), "/", ftpproto.DirKind)
		require.NoError(t, err)
		require.Equal(t, "cel", info.Perm.String())
	})
}

// TestAFileInTheWayOfAMount: what the store holds under a mount point's name is hidden.
func TestAFileInTheWayOfAMount(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		f.put(t, "one", "in", "other")
		fs := f.user(t,
			Mount{Path: "/", Store: "one", Permissions: MayAll},
			Mount{Path: "/in", Store: "two", Permissions: MayAll})
		require.Equal(t, []string{"in/", "other"}, names(t, fs, "/"))
	})
}

// TestWhatIsFixed: mount points and the folders above them are there without any request, and
// nothing moves or removes them.
func TestWhatIsFixed(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		t := f.t
		ctx := t.Context()
		f.put(t, "one", "a", "folder/x")
		fs := f.user(t,
			Mount{Path: "/", Store: "one", Permissions: MayAll},
			Mount{Path: "/up/mount", Store: "two", Prefix: "none", Permissions: MayAll})
		file, err := fs.Stat(ctx, "/a", ftpproto.FileKind)
		require.NoError(t, err)
		folder, err := fs.Stat(ctx, "/folder", ftpproto.DirKind)
		require.NoError(t, err)
		f.requests["one"].Calls()
		for name, base := range map[string]string{"/": "/", "/up": "up", "/up/mount": "mount"} {
			for _, kind := range []ftpproto.Kind{ftpproto.AnyKind, ftpproto.DirKind} {
				info, err := fs.Stat(ctx, name, kind)
				require.NoError(t, err)
				require.Equal(t, base, info.Name)
				require.True(t, info.IsDir)
				require.Equal(t, "celmp", info.Perm.String(), "neither d nor f")
			}
			info, err := fs.Stat(ctx, name, ftpproto.DirKind)
			require.NoError(t, err)
			_, err = fs.Stat(ctx, name, ftpproto.FileKind)
			require.ErrorIs(t, err, ftpproto.ErrNotFile)
			_, err = fs.Open(ctx, name, 0)
			require.ErrorIs(t, err, ftpproto.ErrNotFile)
			_, err = fs.Create(ctx, name, ftpproto.CreateOptions{})
			require.ErrorIs(t, err, ftpproto.ErrDenied)
			require.ErrorIs(t, fs.Mkdir(ctx, name), ftpproto.ErrExist)
			require.ErrorIs(t, fs.Rmdir(ctx, name), ftpproto.ErrDenied)
			require.ErrorIs(t, fs.Remove(ctx, name), ftpproto.ErrDenied)
			require.ErrorIs(t, fs.Rename(ctx, name, info, "/other"), ftpproto.ErrDenied)
			require.ErrorIs(t, fs.Rename(ctx, "/a", file, name), ftpproto.ErrDenied)
			require.ErrorIs(t, fs.Rename(ctx, "/folder", folder, name), ftpproto.ErrDenied)
			require.ErrorIs(t, fs.(ftpproto.TimeSetter).SetModTime(ctx, name, info.ModTime), ftpproto.ErrDenied)
		}
		require.Empty(t, f.requests["one"].Calls())
		require.Empty(t, f.requests["two"].Calls())
	})
}

func TestBesideAllMounts(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, kinds["memory"])
	fs := f.user(t, Mount{Path: "/a/b", Store: "one", Permissions: MayAll})
	for _, name := range []string{"/x", "/a/x", "/a/bb"} {
		_, err := fs.Stat(ctx, name, ftpproto.AnyKind)
		require.ErrorIs(t, err, ftpproto.ErrNotExist)
		_, err = fs.Open(ctx, name, 0)
		require.ErrorIs(t, err, ftpproto.ErrNotExist)
		_, err = fs.Create(ctx, name, ftpproto.CreateOptions{})
		require.ErrorIs(t, err, ftpproto.ErrDenied)
		require.ErrorIs(t, fs.Mkdir(ctx, name), ftpproto.ErrDenied)
		require.ErrorIs(t, fs.Rmdir(ctx, name), ftpproto.ErrDenied)
		require.ErrorIs(t, fs.Remove(ctx, name), ftpproto.ErrDenied)
	}
	info, err := fs.Stat(ctx, "/a", ftpproto.AnyKind)
	require.NoError(t, err)
	require.Equal(t, "el", info.Perm.String())
}

func TestUnique(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, kinds["memory"])
	f.put(t, "one", "shared/x", "shared/y")
	f.put(t, "two", "shared/x")
	fs := f.user(t,
		Mount{Path: "/one", Store: "one", Permissions: MayAll},
		Mount{Path: "/again", Store: "one", Prefix: "shared", Permissions: MayAll},
		Mount{Path: "/two", Store: "two", Permissions: MayAll})
	unique := func(name string) string {
		info, err := fs.Stat(ctx, name, ftpproto.AnyKind)
		require.NoError(t, err)
		return info.Unique
	}
	require.Equal(t, unique("/one/shared/x"), unique("/again/x"), "two names of one file")
	require.Equal(t, unique("/one/shared"), unique("/again"))
	seen := map[string]string{}
	for _, name := range []string{"/one/shared/x", "/one/shared/y", "/two/shared/x", "/one", "/two", "/one/shared"} {
		require.NotContains(t, seen, unique(name), "%s", name)
		seen[unique(name)] = name
	}
	for info, err := range fs.ReadDir(ctx, "/again") {
		require.NoError(t, err)
		require.Equal(t, unique("/again/"+info.Name), info.Unique, "a listing says what Stat says")
	}
}

// TestRequests holds what each call costs at an object store.
func TestRequests(t *testing.T) {
	ctx := t.Context()
	f := newFixture(t, kinds["memory"])
	f.put(t, "one", "p/file", "p/folder/x", "p/empty", "p/old")
	require.NoError(t, f.stores["one"].MakeFolder(ctx, "p/bare"))
	fs := f.user(t, Mount{Path: "/", Store: "one", Prefix: "p", Permissions: MayAll})
	stat := func(name string, want ftpproto.Kind) ftpproto.FileInfo {
		info, err := fs.Stat(ctx, name, want)
		require.NoError(t, err)
		return info
	}
	file := stat("/file", ftpproto.FileKind)
	f.requests["one"].Calls()
	for _, c := range []struct {
		name string
		run  func() error
		want []string
	}{
		{"SIZE", func() error { stat("/file", ftpproto.FileKind); return nil }, []string{"Stat"}},
		{"CWD", func() error { stat("/folder", ftpproto.DirKind); return nil }, []string{"ListPage"}},
		{"MLST of a file", func() error { stat("/file", ftpproto.AnyKind); return nil }, []string{"Stat"}},
		{"MLST of a folder", func() error { stat("/folder", ftpproto.AnyKind); return nil }, []string{"Stat", "ListPage"}},
		{"LIST", func() error { names(t, fs, "/"); return nil }, []string{"ListPage"}},
		{"STOR", func() error { return send(ctx, fs, "/new", "data", ftpproto.CreateOptions{}) }, []string{"Put"}},
		{"STOU", func() error { return send(ctx, fs, "/unique", "data", ftpproto.CreateOptions{Exclusive: true}) }, []string{"Put"}},
		{"RETR", func() error {
			r, err := fs.Open(ctx, "/file", 0)
			require.NoError(t, err)
			return r.Close()
		}, []string{"ReadRange"}},
		{"MKD", func() error { return fs.Mkdir(ctx, "/made") }, []string{"Put"}},
		{"RMD", func() error { return fs.Rmdir(ctx, "/bare") }, []string{"ListPage", "Delete"}},
		{"RNTO", func() error { return fs.Rename(ctx, "/file", file, "/renamed") }, []string{"Move"}},
	} {
		require.NoError(t, c.run(), c.name)
		require.Equal(t, c.want, f.requests["one"].Calls(), c.name)
	}
	require.Equal(t, backends.Info{}, stat("/", ftpproto.DirKind).Sys)
}
