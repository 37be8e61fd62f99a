package gateway

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"runtime"

	"golang.org/x/sync/semaphore"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/gateway/auth"
)

// maxHashWorkers bounds the passwords that are hashed at once, on a machine with as many cores:
// each takes a core and up to 128 MiB for a moment, and transfers need both too. Others wait.
const maxHashWorkers = 4

// errLogin is the answer to every login that fails, whatever is wrong with it.
var errLogin = ftpproto.NewError(530, "Login incorrect.", nil)

// session is one control connection.
type session struct {
	gateway *Gateway
	conn    ftpproto.ConnInfo
	log     *slog.Logger
}

// Login implements ftpproto.Session. Whether a name is a user's shows neither in what it answers
// nor in how long it takes.
func (s *session) Login(ctx context.Context, c ftpproto.Credentials) (ftpproto.FileSystem, error) {
	g := s.gateway
	if g.anonymous != nil && isAnonymous(c.User) {
		return s.show(anonymousName, g.anonymous), nil
	}
	a, known := g.users[c.User]
	ok, err := g.verifier.verify(ctx, a.secret, c.Password)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, ftpproto.NewError(421, "Too many logins at once. Try again later.", err)
	case err != nil:
		s.log.Error("password could not be verified", "user", c.User, "err", err)
		return nil, errLogin
	case !known || !ok:
		return nil, errLogin
	}
	return s.show(c.User, a.tree), nil
}

func (s *session) show(user string, tree *mountTree) *fileSystem {
	return &fileSystem{tree: tree, user: user, conn: s.conn, health: s.gateway.health, sums: s.gateway.sums, log: s.log.With("user", user)}
}

// Close implements ftpproto.Session.
func (s *session) Close() error { return nil }

// secret is what a password is compared with. That of an unknown user, the zero value, fits none.
type secret struct {
	hash  string            // "" for a password in clear
	cost  string            // of hash
	plain [sha256.Size]byte // the sum of a password in clear; zero, which no password has, for a hash
}

func newSecret(u User) (secret, error) {
	switch {
	case (u.Password == "") == (u.PasswordHash == ""):
		return secret{}, errors.New("want either a password or the hash of one")
	case u.Password != "":
		return secret{plain: sha256.Sum256([]byte(u.Password))}, nil
	}
	cost, err := auth.Cost(u.PasswordHash)
	return secret{hash: u.PasswordHash, cost: cost}, err
}

// verifier verifies passwords, each at the same cost: a login takes one verification for each
// cost that any user's hash has, against the user's own hash where it has that cost and against
// somebody else's where it has not. So the time tells neither a user from a stranger nor the kind
// of a user's hash.
type verifier struct {
	samples []secret // one of each cost
	workers *semaphore.Weighted
	compare func(hash, password string) (bool, error) // auth.Verify
}

func newVerifier(secrets []secret) *verifier {
	v := &verifier{
		workers: semaphore.NewWeighted(int64(hashWorkers())),
		compare: auth.Verify,
	}
	seen := map[string]bool{"": true}
	for _, s := range secrets {
		if !seen[s.cost] {
			seen[s.cost] = true
			v.samples = append(v.samples, s)
		}
	}
	return v
}

func hashWorkers() int { return min(maxHashWorkers, runtime.GOMAXPROCS(0)) }

// verify reports whether password is that of s. It waits for a worker, or for ctx.
func (v *verifier) verify(ctx context.Context, s secret, password string) (bool, error) {
	sum := sha256.Sum256([]byte(password))
	ok := subtle.ConstantTimeCompare(sum[:], s.plain[:]) == 1
	if len(v.samples) == 0 {
		return ok, nil
	}
	if err := v.workers.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer v.workers.Release(1)
	for _, sample := range v.samples {
		own := sample.cost == s.cost
		if own {
			sample = s
		}
		match, err := v.compare(sample.hash, password)
		if err != nil {
			return false, err
		}
		ok = ok || own && match
	}
	return ok, nil
}
