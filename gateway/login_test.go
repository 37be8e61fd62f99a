package gateway

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
)

// Hashes of "secret" at the least cost, so that tests are quick.
const (
	bcrypt4 = "$2a$04$iWmaHLYmV5oVdz.xG4VtgeuCfS4V/r4HJHhr4lJ7J.gjHSHYeSUvy"
	bcrypt5 = "$2a$05$QfwMnopLIUWZRq3SuQlFseP3PYutNJQP3XIjXVgJkCjzvEgO6oim6"
	argon2  = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$L1qnTgpsWMa/dMHjDHhQFw"
)

func newLogins(t *testing.T, anonymous bool, users ...User) *Gateway {
	t.Helper()
	f := newFixture(t, kinds["memory"])
	mounts := []Mount{{Path: "/", Store: "one", Prefix: "{user}", Permissions: MayAll}}
	opts := Options{Stores: f.stores, Logger: f.logger()}
	for _, u := range users {
		u.Mounts = mounts
		opts.Users = append(opts.Users, u)
	}
	if anonymous {
		opts.Anonymous = &Anonymous{Mounts: mounts}
	}
	g, err := New(opts)
	require.NoError(t, err)
	return g
}

func try(ctx context.Context, t *testing.T, g *Gateway, user, password string) (ftpproto.FileSystem, error) {
	t.Helper()
	s, err := g.NewSession(ctx, ftpproto.ConnInfo{ID: "1"})
	require.NoError(t, err)
	return s.Login(ctx, ftpproto.Credentials{User: user, Password: password})
}

func TestLogin(t *testing.T) {
	g := newLogins(t, true,
		User{Name: "plain", Password: "secret"},
		User{Name: "bcrypt", PasswordHash: bcrypt4},
		User{Name: "slower", PasswordHash: bcrypt5},
		User{Name: "argon2", PasswordHash: argon2})
	for _, user := range []string{"plain", "bcrypt", "slower", "argon2"} {
		fs, err := try(t.Context(), t, g, user, "secret")
		require.NoError(t, err, user)
		require.NoError(t, send(t.Context(), fs, "/x", user, ftpproto.CreateOptions{}))
		for _, password := range []string{"", "Secret", "secret ", "secre", bcrypt4, "\x00"} {
			_, err := try(t.Context(), t, g, user, password)
			require.ErrorIs(t, err, errLogin, "%s with %q", user, password)
		}
		require.Equal(t, []string{"x"}, names(t, fs, "/"), "each has a folder of its own")
	}
	for _, user := range []string{"", "nobody", "Plain", "plain ", "plain\n", "{user}", ".."} {
		for _, password := range []string{"", "secret"} {
			_, err := try(t.Context(), t, g, user, password)
			require.ErrorIs(t, err, errLogin, "%q", user)
		}
	}
	for _, user := range []string{"anonymous", "ftp", "Anonymous", "FTP"} {
		fs, err := try(t.Context(), t, g, user, "guest@example.com")
		require.NoError(t, err)
		require.NoError(t, send(t.Context(), fs, "/"+user, "", ftpproto.CreateOptions{}))
		require.Contains(t, names(t, fs, "/"), user)
	}
	fs, err := try(t.Context(), t, g, "anonymous", "")
	require.NoError(t, err)
	require.Len(t, names(t, fs, "/"), 4, "all are one user")
}

func TestAnonymousIsOffByDefault(t *testing.T) {
	g := newLogins(t, false, User{Name: "ftp", Password: "secret"})
	for _, user := range []string{"anonymous", "FTP"} {
		_, err := try(t.Context(), t, g, user, "secret")
		require.ErrorIs(t, err, errLogin)
	}
	_, err := try(t.Context(), t, g, "ftp", "guest@example.com")
	require.ErrorIs(t, err, errLogin)
	_, err = try(t.Context(), t, g, "ftp", "secret")
	require.NoError(t, err)
}

// TestEveryLoginCostsTheSame counts what takes time: hashes, by their cost.
func TestEveryLoginCostsTheSame(t *testing.T) {
	hashed := []User{
		{Name: "plain", Password: "secret"},
		{Name: "bcrypt", PasswordHash: bcrypt4}, {Name: "bcrypt2", PasswordHash: bcrypt4},
		{Name: "slower", PasswordHash: bcrypt5},
		{Name: "argon2", PasswordHash: argon2},
	}
	for _, c := range []struct {
		users []User
		want  int // hashes of one login
	}{
		{nil, 0},
		{[]User{{Name: "plain", Password: "secret"}}, 0},
		{hashed[:3], 1},
		{hashed, 3},
	} {
		g := newLogins(t, false, c.users...)
		var compared []string
		compare := g.verifier.compare
		g.verifier.compare = func(hash, password string) (bool, error) {
			compared = append(compared, hash[:7])
			return compare(hash, password)
		}
		var first []string
		for i, user := range []string{"nobody", "plain", "bcrypt", "bcrypt2", "slower", "argon2", "", "anonymous"} {
			for _, password := range []string{"secret", "wrong", ""} {
				compared = nil
				_, _ = try(t.Context(), t, g, user, password)
				slices.Sort(compared)
				if i == 0 {
					first = slices.Clone(compared)
					require.Len(t, compared, c.want)
				}
				require.Equal(t, first, compared, "%q with %q", user, password)
			}
		}
	}
}

// TestHashesAtOnce: however many log in, few hashes are made at a time, and who gives up waiting
// is gone.
func TestHashesAtOnce(t *testing.T) {
	g := newLogins(t, false, User{Name: "bob", PasswordHash: bcrypt4})
	const logins = 3 * maxHashWorkers
	entered, leave := make(chan struct{}, logins), make(chan struct{})
	var mu sync.Mutex
	var running, most int
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		running += by
		most = max(most, running)
	}
	g.verifier.compare = func(string, string) (bool, error) {
		count(1)
		defer count(-1)
		entered <- struct{}{}
		<-leave
		return true, nil
	}
	var all sync.WaitGroup
	errs := make([]error, logins)
	for i := range logins {
		all.Go(func() { _, errs[i] = try(t.Context(), t, g, "bob", "secret") })
	}
	for range hashWorkers() {
		<-entered
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := try(ctx, t, g, "bob", "secret")
	require.ErrorIs(t, err, context.Canceled)
	code, _ := ftpproto.ReplyTo(err, 0, "")
	require.Equal(t, 421, code)

	close(leave)
	all.Wait()
	require.Equal(t, make([]error, logins), errs)
	require.Equal(t, hashWorkers(), most)
	require.LessOrEqual(t, hashWorkers(), maxHashWorkers)
}

func TestAHashThatCannotBeVerified(t *testing.T) {
	g := newLogins(t, false, User{Name: "bob", PasswordHash: bcrypt4})
	g.verifier.compare = func(string, string) (bool, error) { return true, context.DeadlineExceeded }
	_, err := try(t.Context(), t, g, "bob", "secret")
	require.ErrorIs(t, err, errLogin)
}
