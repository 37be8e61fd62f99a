package gateway

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// client talks to a whole server: protocol, gateway and stores.
type client struct {
	*ftptest.Client
	t *testing.T
}

// serve starts a server for these users and returns its address.
func (f *fixture) serve(users ...User) string {
	t := f.t
	t.Helper()
	g, err := New(Options{Stores: f.stores, Users: users, Logger: f.logger()})
	require.NoError(t, err)
	server := ftpproto.NewServer(g, ftpproto.Options{Logger: f.logger()})
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l, ftpproto.ListenerOptions{}) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, server.Shutdown(ctx))
		require.ErrorIs(t, <-served, ftpproto.ErrServerClosed)
	})
	return l.Addr().String()
}

func dial(t *testing.T, address string) client {
	t.Helper()
	c, err := ftptest.Dial(address, nil)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	cl := client{c, t}
	cl.want("220")
	return cl
}

// want reads a reply that must begin so.
func (c client) want(reply string) {
	c.t.Helper()
	lines, err := c.ReadReply()
	require.NoError(c.t, err)
	require.True(c.t, strings.HasPrefix(lines[0], reply), "got %q, not %q", lines, reply)
}

// do sends a command and reads a reply that must begin so.
func (c client) do(command, reply string) {
	c.t.Helper()
	require.NoError(c.t, c.Send([]byte(command+"\r\n")))
	c.want(reply)
}

func (c client) login(user, password string) {
	c.t.Helper()
	c.do("USER "+user, "331")
	c.do("PASS "+password, "230")
	c.do("TYPE I", "200")
}

// transfer connects to a port and begins a transfer; what comes before its command gets a 350.
func (c client) transfer(commands ...string) {
	c.t.Helper()
	c.do("EPSV", "229")
	require.NoError(c.t, c.Connect(""))
	last := len(commands) - 1
	for _, command := range commands[:last] {
		c.do(command, "350")
	}
	c.do(commands[last], "150")
}

func (c client) store(command, data string) {
	c.t.Helper()
	c.transfer(command)
	require.NoError(c.t, c.WriteData([]byte(data)))
	require.NoError(c.t, c.CloseData())
	c.want("226")
}

func (c client) fetch(commands ...string) string {
	c.t.Helper()
	c.transfer(commands...)
	data, err := c.ReadDataToEnd()
	require.NoError(c.t, err)
	c.want("226")
	return string(data)
}

// bob has a home, a letter box, and a shelf that can only be read.
func bob() User {
	return User{Name: "bob", Password: "secret", Mounts: []Mount{
		{Path: "/", Store: "one", Prefix: "partners/{user}/", Permissions: MayAll},
		{Path: "/box", Store: "two", Prefix: "box", Permissions: MayWrite},
		{Path: "/shelf", Store: "two", Prefix: "shelf", Permissions: MayList | MayRead},
	}}
}

func TestServeUpload(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		c := dial(f.t, f.serve(bob()))
		c.login("bob", "secret")
		c.store("STOR in/a.txt", "hello")
		c.do("SIZE in/a.txt", "213 5")
		require.Equal(f.t, "hello", f.get(f.t, "one", "partners/bob/in/a.txt"))
		c.store("APPE in/a.txt", " world")
		require.Equal(f.t, "hello world", c.fetch("RETR in/a.txt"))
		require.Equal(f.t, "world", c.fetch("REST 6", "RETR in/a.txt"))
		c.do("MKD new", "257")
		c.do("RNFR in/a.txt", "350")
		c.do("RNTO new/b.txt", "250")
		require.Equal(f.t, "new/b.txt\r\n", c.fetch("NLST new/*.txt"))
		c.do("DELE new/b.txt", "250")
		c.do("DELE new/b.txt", "550")
		c.do("RMD new", "250")
		c.do("QUIT", "221")
	})
}

// TestServeFailedUpload: whatever ends an upload before its end, the old file is as it was.
func TestServeFailedUpload(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		f.put(f.t, "one", "partners/bob/a")
		address := f.serve(bob())
		half := []byte(strings.Repeat("half of it ", 100_000))
		for name, end := range map[string]func(c client){
			"RST on data": func(c client) {
				require.NoError(c.t, c.ResetData())
				c.want("426")
			},
			"ABOR": func(c client) {
				require.NoError(c.t, c.Send([]byte("ABOR\r\n")))
				c.want("426")
				c.want("226")
			},
			"fewer bytes than announced": func(c client) {
				require.NoError(c.t, c.CloseData())
				c.want("451")
			},
			"client killed": func(c client) {
				require.NoError(c.t, c.Reset())
				require.NoError(c.t, c.WaitDataGone())
			},
		} {
			c := dial(f.t, address)
			c.login("bob", "secret")
			c.do("ALLO 5000000", "200")
			c.transfer("STOR a")
			require.NoError(f.t, c.WriteData(half))
			end(c)
			require.Equal(f.t, "data of partners/bob/a", f.get(f.t, "one", "partners/bob/a"), name)
			c.Close()
		}
		keys := []string{}
		for info, err := range f.stores["one"].List(f.t.Context(), "partners/bob") {
			require.NoError(f.t, err)
			keys = append(keys, info.Key)
		}
		require.Equal(f.t, []string{"partners/bob/a"}, keys)
	})
}

func TestServeLogin(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	address := f.serve(bob(), User{Name: "hash", PasswordHash: bcrypt4, Mounts: []Mount{{Path: "/", Store: "one"}}})
	c := dial(t, address)
	for _, user := range []string{"bob", "nobody"} {
		c.do("USER "+user, "331")
		c.do("PASS wrong", "530 Login incorrect.")
	}
	c.do("LIST", "530")
	c.do("USER hash", "331")
	c.do("PASS secret", "230")
	c.do("PWD", `257 "/"`)
}

func TestServeMounts(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		f.put(f.t, "one", "partners/bob/file", "partners/bobby/secret")
		f.put(f.t, "two", "shelf/book", "secret")
		c := dial(f.t, f.serve(bob()))
		c.login("bob", "secret")
		list := c.fetch("LIST")
		lines := strings.Split(strings.TrimSpace(list), "\r\n")
		require.Len(f.t, lines, 3, list)
		require.Regexp(f.t, "^d.* box$", lines[0])
		require.Regexp(f.t, "^-rw.* file$", lines[1])
		require.Regexp(f.t, "^d.* shelf$", lines[2])
		require.Equal(f.t, "shelf/book\r\n", c.fetch("NLST shelf"))
		require.Contains(f.t, c.fetch("MLSD shelf"), "perm=r;")

		c.do("CWD box", "250")
		c.store("STOR letter", "hello")
		require.Equal(f.t, "hello", f.get(f.t, "two", "box/letter"))
		c.do("EPSV", "229")
		c.do("LIST", "550 Permission denied.")
		c.do("EPSV", "229")
		c.do("RETR letter", "550 Permission denied.")
		c.do("SIZE letter", "550")
		c.do("DELE letter", "550 Permission denied.")
		c.do("CWD /shelf", "250")
		c.do("EPSV", "229")
		c.do("STOR x", "550 Permission denied.")
		c.do("MKD x", "550 Permission denied.")
		c.do("RMD /box", "550 Permission denied.")
		c.do("CDUP", "250")
		c.do("CWD ..", "250") // stays in the root
		c.do("CWD /../bobby", "550")
		c.do("SIZE /../partners/bobby/secret", "550")
		c.do("CWD /nowhere", "550")
	})
}

// TestServeWhileAStoreIsAway: users log in, and hear what is wrong and whose fault it is.
func TestServeWhileAStoreIsAway(t *testing.T) {
	f := newFixture(t, func(t *testing.T) backends.Driver {
		t.Helper()
		return &broken{kinds["memory"](t), backends.NewError("op", "key", backends.ErrUnavailable, context.DeadlineExceeded)}
	})
	c := dial(t, f.serve(bob()))
	c.login("bob", "secret")
	const away = "451 The store behind this server is not available"
	c.do("CWD in", away)
	c.do("SIZE a", away)
	c.do("MKD a", away)
	c.transfer("STOR a")
	require.NoError(t, c.WriteData([]byte("data")))
	require.NoError(t, c.CloseData())
	c.want(away)
	c.do("EPSV", "229")
	require.NoError(t, c.Connect(""))
	c.do("LIST", away)
}
