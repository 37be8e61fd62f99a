package gateway

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
	"github.com/tidegate/tidegate/backends/localstore"
	"github.com/tidegate/tidegate/backends/memstore"
	"github.com/tidegate/tidegate/ftpproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kinds are the drivers that what users see is tested on: an object store, and one with folders.
var kinds = map[string]func(t *testing.T) backends.Driver{
	"memory": func(*testing.T) backends.Driver { return memstore.New(memstore.Options{}) },
	"local": func(t *testing.T) backends.Driver {
		t.Helper()
		d, err := localstore.New(localstore.Options{Path: t.TempDir()})
		require.NoError(t, err)
		return d
	},
}

// onEachKind runs a test with two stores, "one" and "two", of each kind of driver.
func onEachKind(t *testing.T, test func(f *fixture)) {
	t.Helper()
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) { test(newFixture(t, kind)) })
	}
}

// fixture is two stores, what they are asked, and what is logged about it.
type fixture struct {
	t        *testing.T // of this kind
	stores   map[string]*backends.Store
	requests map[string]*backendtest.Recorder
	log      logBuffer
}

func newFixture(t *testing.T, kind func(t *testing.T) backends.Driver) *fixture {
	t.Helper()
	f := &fixture{t: t, stores: map[string]*backends.Store{}, requests: map[string]*backendtest.Recorder{}}
	for _, name := range []string{"one", "two"} {
		f.requests[name] = backendtest.Record(kind(t))
		store := backends.NewStore(name, f.requests[name], backends.StoreOptions{})
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		f.stores[name] = store
	}
	return f
}

func (f *fixture) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// put writes an object past the gateway.
func (f *fixture) put(t *testing.T, store string, keys ...string) {
	t.Helper()
	for _, key := range keys {
		w, err := f.stores[store].Create(t.Context(), key, backends.CreateOptions{})
		require.NoError(t, err)
		_, err = io.WriteString(w, "data of "+key)
		require.NoError(t, err)
		_, err = w.Commit(t.Context())
		require.NoError(t, err)
	}
	f.requests[store].Calls()
}

// get reads an object past the gateway; "" if it is not there.
func (f *fixture) get(t *testing.T, store, key string) string {
	t.Helper()
	r, err := f.stores[store].Open(t.Context(), key, 0)
	if err != nil {
		require.ErrorIs(t, err, backends.ErrNotExist)
		return ""
	}
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	f.requests[store].Calls()
	return string(data)
}

// user returns what "bob" sees of these mounts.
func (f *fixture) user(t *testing.T, mounts ...Mount) ftpproto.FileSystem {
	t.Helper()
	g, err := New(Options{
		Stores: f.stores,
		Users:  []User{{Name: "bob", Password: "secret", Mounts: mounts}},
		Logger: f.logger(),
	})
	require.NoError(t, err)
	return login(t, g, "bob", "secret")
}

func login(t *testing.T, g *Gateway, user, password string) ftpproto.FileSystem {
	t.Helper()
	s, err := g.NewSession(t.Context(), ftpproto.ConnInfo{ID: "42"})
	require.NoError(t, err)
	fs, err := s.Login(t.Context(), ftpproto.Credentials{User: user, Password: password})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return fs
}

// send writes data to name, and commits it.
func send(ctx context.Context, fs ftpproto.FileSystem, name, data string, opts ftpproto.CreateOptions) error {
	file, err := fs.Create(ctx, name, opts)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, strings.NewReader(data)); err != nil {
		return err
	}
	return file.Commit(ctx)
}

// names lists a folder; folders with a "/" at the end.
func names(t *testing.T, fs ftpproto.FileSystem, folder string) []string {
	t.Helper()
	names := []string{}
	for info, err := range fs.ReadDir(t.Context(), folder) {
		require.NoError(t, err)
		if info.IsDir {
			info.Name += "/"
		}
		names = append(names, info.Name)
	}
	return names
}

// listError returns the error of a listing that must fail at once.
func listError(ctx context.Context, fs ftpproto.FileSystem, folder string) error {
	for _, err := range fs.ReadDir(ctx, folder) {
		return err
	}
	return nil
}

// logBuffer is written from many goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func TestNewRefuses(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	mounts := []Mount{{Path: "/", Store: "one", Permissions: MayAll}}
	user := func(name string) User { return User{Name: name, Password: "x", Mounts: mounts} }
	with := func(m Mount) Options {
		return Options{Users: []User{{Name: "bob", Password: "x", Mounts: []Mount{m}}}}
	}
	for want, opts := range map[string]Options{
		`user "bob": there is another user`:        {Users: []User{user("bob"), user("bob")}},
		`user "ftp": the name is that of the anon`: {Users: []User{user("ftp")}, Anonymous: &Anonymous{Mounts: mounts}},
		`user "a/b": the name`:                     {Users: []User{user("a/b")}},
		`user "..": the name`:                      {Users: []User{user("..")}},
		`user "": the name`:                        {Users: []User{user("")}},
		"user \"a\\nb\": the name":                 {Users: []User{user("a\nb")}},
		"want either a password or the hash":       {Users: []User{{Name: "bob", Mounts: mounts}}},
		"not a hash that is known":                 {Users: []User{{Name: "bob", PasswordHash: "x", Mounts: mounts}}},
		`user "bob": nothing is mounted`:           {Users: []User{{Name: "bob", Password: "x"}}},
		`anonymous: nothing is mounted`:            {Anonymous: &Anonymous{}},
		`mount "in": want an absolute path`:        with(Mount{Path: "in", Store: "one"}),
		`mount "/in/": want an absolute path`:      with(Mount{Path: "/in/", Store: "one"}),
		`mount "/a/../b": want an absolute path`:   with(Mount{Path: "/a/../b", Store: "one"}),
		`mount "/caf\xe9": want an absolute path`:  with(Mount{Path: "/caf\xe9", Store: "one"}),
		`there is no store "three"`:                with(Mount{Path: "/", Store: "three"}),
		`prefix "../x"`:                            with(Mount{Path: "/", Store: "one", Prefix: "../x"}),
		`prefix "/x"`:                              with(Mount{Path: "/", Store: "one", Prefix: "/x"}),
		`prefix "a//b"`:                            with(Mount{Path: "/", Store: "one", Prefix: "a//b"}),
		`prefix ".tidegate"`:                       with(Mount{Path: "/", Store: "one", Prefix: ".tidegate"}),
		`prefix ".tidegate/uploads/"`:              with(Mount{Path: "/", Store: "one", Prefix: ".tidegate/uploads/"}),
		`there is another mount`: {Users: []User{{Name: "bob", Password: "x", Mounts: []Mount{
			{Path: "/a", Store: "one"}, {Path: "/a", Store: "two"},
		}}}},
	} {
		opts.Stores = f.stores
		_, err := New(opts)
		require.ErrorContains(t, err, want)
	}
	_, err := New(Options{Stores: f.stores, Users: []User{user("..."), user("ä b")}, Anonymous: &Anonymous{Mounts: mounts}})
	require.NoError(t, err)

	all := Options{Stores: f.stores, Users: []User{{Name: "eve"}, {Name: "mallory"}}}
	_, err = New(all)
	require.ErrorContains(t, err, "eve")
	require.ErrorContains(t, err, "mallory", "all at once")
}
