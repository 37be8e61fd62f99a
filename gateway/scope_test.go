package gateway

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
	"github.com/tidegate/tidegate/ftpproto"
)

// scoper tells which scopes it was asked for.
type scoper struct {
	*memstore.Driver
	seen *[]backends.Scope
	err  error
}

func (d scoper) Scope(s backends.Scope) (backends.Driver, error) {
	*d.seen = append(*d.seen, s)
	return d.Driver, d.err
}

// TestScopes: each user has one store of each, held to the prefixes of all its mounts there.
func TestScopes(t *testing.T) {
	var seen []backends.Scope
	driver := scoper{Driver: memstore.New(memstore.Options{}), seen: &seen}
	store := backends.NewStore("one", driver, backends.StoreOptions{})
	other := backends.NewStore("two", memstore.New(memstore.Options{}), backends.StoreOptions{})
	t.Cleanup(func() { require.NoError(t, errors.Join(store.Close(), other.Close())) })
	opts := Options{
		Stores: map[string]*backends.Store{"one": store, "two": other},
		Users: []User{
			{Name: "bob", Password: "secret", Mounts: []Mount{
				{Path: "/in", Store: "one", Prefix: "in/{user}", Permissions: MayAll},
				{Path: "/done", Store: "one", Prefix: "done/{user}/", Permissions: MayAll},
				{Path: "/done/old", Store: "one", Prefix: "done/{user}/old/", Permissions: MayAll},
				{Path: "/again", Store: "one", Prefix: "in/{user}/", Permissions: MayAll},
				{Path: "/far", Store: "two", Permissions: MayAll},
			}},
			{Name: "eve", Password: "secret", Mounts: []Mount{{Path: "/", Store: "one"}, {Path: "/x", Store: "one", Prefix: "x"}}},
			{Name: "far", Password: "secret", Mounts: []Mount{{Path: "/", Store: "two"}}},
		},
		Anonymous: &Anonymous{Mounts: []Mount{{Path: "/", Store: "one", Prefix: "pub", Permissions: MayList}}},
	}
	g, err := New(opts)
	require.NoError(t, err)
	require.ElementsMatch(t, []backends.Scope{
		{User: "bob", Prefixes: []string{"done/bob/", "in/bob/"}},
		{User: "eve", Prefixes: []string{""}},
		{User: "anonymous", Prefixes: []string{"pub/"}},
	}, seen)

	fs := login(t, g, "bob", "secret")
	login(t, g, "bob", "secret")
	require.Len(t, seen, 3, "a login asks for nothing")
	require.NoError(t, send(t.Context(), fs, "/in/a", "data", ftpproto.CreateOptions{}))
	info, err := fs.Stat(t.Context(), "/in/a", ftpproto.FileKind)
	require.NoError(t, err)
	require.NoError(t, fs.Rename(t.Context(), "/in/a", info, "/done/a"), "from mount to mount")
	_, err = store.Stat(t.Context(), "done/bob/a")
	require.NoError(t, err)

	driver.err = errors.New("the policy is too long")
	opts.Stores["one"] = backends.NewStore("one", driver, backends.StoreOptions{})
	_, err = New(opts)
	require.ErrorContains(t, err, `user "bob": store "one": the policy is too long`)
	require.ErrorContains(t, err, `anonymous: store "one": the policy is too long`)
	require.NoError(t, opts.Stores["one"].Close())
}
