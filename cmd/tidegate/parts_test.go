package main

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/gateway"
)

// What config says of other packages it cannot ask them, as it imports none. It is compared here.

func tagOf[T any](t *testing.T, field, tag string) string {
	t.Helper()
	f, ok := reflect.TypeFor[T]().FieldByName(field)
	require.True(t, ok)
	return f.Tag.Get(tag)
}

func TestPermissionNamesAgree(t *testing.T) {
	var all gateway.Permissions
	for _, name := range strings.Fields(tagOf[config.Mount](t, "Permissions", "oneof")) {
		p, err := gateway.ParsePermission(name)
		require.NoError(t, err)
		if name != "all" {
			all |= p
		}
	}
	require.Equal(t, gateway.MayAll, all, "a permission of the gateway has no name in config")
	require.Equal(t, tagOf[config.Mount](t, "Permissions", "oneof"), tagOf[config.Anonymous](t, "Permissions", "oneof"))
}

func TestBoundsAgree(t *testing.T) {
	require.Equal(t, config.Size(backends.MinMemory).String(), tagOf[config.Config](t, "Memory", "min"))
	require.Equal(t, config.Size(backends.DefaultMemory).String(), tagOf[config.Config](t, "Memory", "default"))
	require.Equal(t, ftpproto.DefaultGreeting, tagOf[config.Listener](t, "Greeting", "default"))
}

func TestListenerOptions(t *testing.T) {
	c, _, err := quickStart()
	require.NoError(t, err)
	require.Equal(t, ftpproto.DefaultMaxSessions, serverOptions(c, nil).MaxSessions)
	require.Equal(t, ftpproto.DefaultMaxSessionsPerAddress, serverOptions(c, nil).MaxSessionsPerAddress)

	l := c.Listeners[0]
	for mode, want := range map[config.TLSMode]ftpproto.TLSMode{
		config.TLSNone:     ftpproto.TLSNone,
		config.TLSExplicit: ftpproto.TLSExplicit,
		config.TLSRequired: ftpproto.TLSRequired,
		config.TLSImplicit: ftpproto.TLSImplicit,
	} {
		l.TLS = mode
		require.Equal(t, want, listenerOptions(l, nil).TLS)
	}
}

func TestGatewayOptions(t *testing.T) {
	c := &config.Config{
		Stores: []config.Store{{
			Name: "lake", Type: config.StoreS3, StorageClass: "COLD", Metadata: []string{"user", "sha256"},
			Tags: []config.Tag{{Name: "from", Value: "{user}"}, {Name: "plain"}},
		}, {
			Name: "disk", Type: config.StoreLocal,
		}},
		Users: []config.User{{
			Name: "ann", Password: "secret",
			Mounts: []config.Mount{
				{Path: "/in", Store: "disk", Prefix: "in/", Permissions: []string{"list", "write"}},
				{Path: "/lake", Store: "lake", Permissions: []string{"read"}},
				{Path: "/own", Store: "lake", Permissions: []string{"read"}, StorageClass: "HOT", Metadata: []string{"none"},
					Tags: []config.Tag{{Name: "to"}}},
			},
		}},
		Anonymous: config.Anonymous{Store: "disk", Prefix: "pub/", Permissions: []string{"read"}},
	}
	opts, err := gatewayOptions(c, nil, nil)
	require.NoError(t, err)
	require.Nil(t, opts.Anonymous, "anonymous is not enabled")
	require.Equal(t, []gateway.User{{
		Name: "ann", Password: "secret",
		Mounts: []gateway.Mount{
			{Path: "/in", Store: "disk", Prefix: "in/", Permissions: gateway.MayList | gateway.MayWrite},
			{Path: "/lake", Store: "lake", Permissions: gateway.MayRead, Metadata: gateway.FactUser | gateway.FactSHA256,
				Tags: map[string]string{"from": "{user}", "plain": ""}}, // its class is the driver's own
			{Path: "/own", Store: "lake", Permissions: gateway.MayRead, Metadata: gateway.NoFacts, StorageClass: "HOT",
				Tags: map[string]string{"to": ""}},
		},
	}}, opts.Users)

	c.Anonymous.Enabled, c.Anonymous.Metadata = true, []string{"client"}
	opts, err = gatewayOptions(c, nil, nil)
	require.NoError(t, err)
	require.Equal(t, &gateway.Anonymous{
		Mounts: []gateway.Mount{{Path: "/", Store: "disk", Prefix: "pub/", Permissions: gateway.MayRead, Metadata: gateway.FactClient}},
	}, opts.Anonymous)
}

func TestFactNamesAgree(t *testing.T) {
	names := tagOf[config.Store](t, "Metadata", "oneof")
	var all gateway.Facts
	for _, name := range strings.Fields(names) {
		fact, err := gateway.ParseFact(name)
		require.NoError(t, err)
		all |= fact
	}
	require.Equal(t, gateway.DefaultFacts|gateway.FactSHA256|gateway.NoFacts, all, "a fact of the gateway has no name in config")
	require.Equal(t, names, tagOf[config.Mount](t, "Metadata", "oneof"))
	require.Equal(t, names, tagOf[config.Anonymous](t, "Metadata", "oneof"))
}
