package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
	"github.com/tidegate/tidegate/ftpproto"
)

// lastWrite keeps the options of the last write.
type lastWrite struct {
	backends.Driver
	opts backends.WriteOptions
}

func (d *lastWrite) Put(ctx context.Context, key string, body backends.Body, opts backends.WriteOptions) (backends.Info, error) {
	d.opts = opts
	return d.Driver.Put(ctx, key, body, opts)
}

// at logs a user in from an address.
func at(t *testing.T, g *Gateway, remote, user, password string) ftpproto.FileSystem {
	t.Helper()
	s, err := g.NewSession(t.Context(), ftpproto.ConnInfo{ID: "s 7", Remote: netip.MustParseAddrPort(remote)})
	require.NoError(t, err)
	fs, err := s.Login(t.Context(), ftpproto.Credentials{User: user, Password: password})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return fs
}

func TestWhatIsKeptWithAnUpload(t *testing.T) {
	sum := sha256.Sum256([]byte("data"))
	for name, c := range map[string]struct {
		mount Mount
		want  map[string]string // "upload" apart
	}{
		"by default": {Mount{}, map[string]string{"user": "j%C3%B6rg%20%25", "client": "2001:db8::1", "session": "s%207", "upload": ""}},
		"all": {Mount{Metadata: DefaultFacts | FactSHA256}, map[string]string{
			"user": "j%C3%B6rg%20%25", "client": "2001:db8::1", "session": "s%207", "upload": "", "sha256": hex.EncodeToString(sum[:]),
		}},
		"the sum alone": {Mount{Metadata: FactSHA256}, map[string]string{"sha256": hex.EncodeToString(sum[:])}},
		"nothing":       {Mount{Metadata: NoFacts}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, kinds["memory"])
			mount := c.mount
			mount.Path, mount.Store, mount.Permissions = "/", "one", MayAll
			g, err := New(Options{Stores: f.stores, Logger: f.logger(),
				Users: []User{{Name: "jörg %", Password: "secret", Mounts: []Mount{mount}}}})
			require.NoError(t, err)
			fs := at(t, g, "[2001:db8::1]:4711", "jörg %", "secret")
			for _, opts := range []ftpproto.CreateOptions{{}, {Append: true}, {Exclusive: true}} {
				if opts.Append || opts.Exclusive {
					require.NoError(t, f.stores["one"].Remove(t.Context(), "a"))
				}
				require.NoError(t, send(t.Context(), fs, "/a", "data", opts))
				info, err := f.stores["one"].Stat(t.Context(), "a")
				require.NoError(t, err)
				logged := regexp.MustCompile(`msg="upload published" session=.* user=.* path=/a store=one key=a upload=([A-Z2-7]{26}) bytes=4`).
					FindAllStringSubmatch(f.log.String(), -1)
				require.NotEmpty(t, logged, f.log.String())
				if _, kept := c.want["upload"]; kept {
					c.want["upload"] = logged[len(logged)-1][1]
				}
				require.Equal(t, c.want, info.Metadata)
			}
		})
	}
}

// TestClientAddress: an IPv4 client of a listener for both kinds of addresses has its own address.
func TestClientAddress(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	g, err := New(Options{Stores: f.stores, Logger: f.logger(), Users: []User{{Name: "bob", Password: "secret",
		Mounts: []Mount{{Path: "/", Store: "one", Permissions: MayAll, Metadata: FactClient}}}}})
	require.NoError(t, err)
	require.NoError(t, send(t.Context(), at(t, g, "[::ffff:192.0.2.1]:4711", "bob", "secret"), "/a", "x", ftpproto.CreateOptions{}))
	info, err := f.stores["one"].Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Equal(t, map[string]string{"client": "192.0.2.1"}, info.Metadata)
}

func TestTagsAndStorageClass(t *testing.T) {
	driver := &lastWrite{Driver: memstore.New(memstore.Options{})}
	f := newFixture(t, func(*testing.T) backends.Driver { return driver })
	fs := f.user(t,
		Mount{Path: "/", Store: "one", Permissions: MayAll, StorageClass: "COLD",
			Tags: map[string]string{"partner": "is {user}", "Source": "ftp"}},
		Mount{Path: "/plain", Store: "one", Prefix: "plain", Permissions: MayAll})
	require.NoError(t, send(t.Context(), fs, "/a", "x", ftpproto.CreateOptions{}))
	require.Equal(t, "COLD", driver.opts.StorageClass)
	require.Equal(t, map[string]string{"partner": "is bob", "Source": "ftp"}, driver.opts.Tags)
	require.NoError(t, send(t.Context(), fs, "/plain/a", "x", ftpproto.CreateOptions{}))
	require.Empty(t, driver.opts.StorageClass)
	require.Empty(t, driver.opts.Tags)
}

// TestWhatAStoreCannotKeep is refused at the start; what is kept by default is left out instead.
func TestWhatAStoreCannotKeep(t *testing.T) {
	f := newFixture(t, func(*testing.T) backends.Driver {
		return memstore.New(memstore.Options{
			Without: backends.CapMetadata | backends.CapCommitMetadata | backends.CapTags | backends.CapStorageClass,
		})
	})
	for want, mount := range map[string]Mount{
		`mount "/": tags: store "one" has none`:          {Tags: map[string]string{"a": "b"}},
		`mount "/": storage class: store "one" has none`: {StorageClass: "COLD"},
		`mount "/": metadata: store "one" can keep none`: {Metadata: FactSHA256},
		`mount "/": metadata: want either none or some`:  {Metadata: NoFacts | FactUser},
	} {
		mount.Path, mount.Store = "/", "one"
		_, err := New(Options{Stores: f.stores, Users: []User{{Name: "bob", Password: "x", Mounts: []Mount{mount}}}})
		require.ErrorContains(t, err, want)
	}
	fs := f.user(t, Mount{Path: "/", Store: "one", Permissions: MayAll})
	require.NoError(t, send(t.Context(), fs, "/a", "x", ftpproto.CreateOptions{}))
	info, err := f.stores["one"].Stat(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, info.Metadata)
}

func TestParseFact(t *testing.T) {
	var all Facts
	for _, name := range strings.Fields("user client session upload sha256 none") {
		fact, err := ParseFact(name)
		require.NoError(t, err)
		require.Zero(t, all&fact, "twice")
		all |= fact
	}
	require.Equal(t, DefaultFacts|FactSHA256|NoFacts, all)
	_, err := ParseFact("name")
	require.ErrorContains(t, err, `"name" is no fact of an upload: want one of user, client, session, upload, sha256, none`)
}
