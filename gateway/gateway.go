// Package gateway puts users in front of stores: it logs them in, and shows each of them the
// folders of stores that are mounted for it, with the permissions that it has there.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

// Options says who sees what.
type Options struct {
	Stores    map[string]*backends.Store // by name
	Users     []User
	Anonymous *Anonymous   // nil for none
	Logger    *slog.Logger // nil for slog.Default()
}

// User is somebody who logs in with a password. Exactly one of PasswordHash and Password is set.
type User struct {
	Name         string
	PasswordHash string // as auth.HashPassword returns it, or bcrypt's
	Password     string // in clear
	Mounts       []Mount
}

// Anonymous is who logs in as "anonymous" or "ftp", with any password (RFC 1635).
type Anonymous struct {
	Mounts []Mount
}

// Mount shows a folder of a store under a path. Where mounts lie inside each other, the deepest
// one counts.
type Mount struct {
	Path   string // absolute, as "/" or "/in"
	Store  string // a name of Options.Stores
	Prefix string // the folder, "" for the whole store. "{user}" stands for the user's name

	Permissions Permissions

	// What is kept with the files that are uploaded there. New refuses what the store cannot keep.
	Metadata     Facts
	Tags         map[string]string // values may hold "{user}"
	StorageClass string            // in the store's words; "" for the store's own
}

// anonymousName is what "{user}" stands for in a mount of the anonymous user.
const anonymousName = "anonymous"

// Gateway is the backend of an FTP server. It does not change after New, apart from what it
// knows about the health of the stores.
type Gateway struct {
	users     map[string]account
	anonymous *mountTree // nil for none
	verifier  *verifier
	health    *health
	sums      sumSlots
	log       *slog.Logger
}

var _ ftpproto.Backend = (*Gateway)(nil)

// account is a user as Login needs it.
type account struct {
	secret secret
	tree   *mountTree
}

// New returns a Gateway for opts, whose stores are asked for nothing, or an error that names every user that cannot be.
func New(opts Options) (*Gateway, error) {
	g := &Gateway{
		users:  make(map[string]account, len(opts.Users)),
		health: newHealth(opts.Stores),
		sums:   newSumSlots(),
		log:    opts.Logger,
	}
	if g.log == nil {
		g.log = slog.Default()
	}
	var errs []error
	var secrets []secret
	for _, u := range opts.Users {
		a, err := newAccount(u, opts.Stores)
		if _, taken := g.users[u.Name]; taken {
			err = errors.New("there is another user of that name")
		}
		if opts.Anonymous != nil && isAnonymous(u.Name) {
			err = errors.New("the name is that of the anonymous user")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("user %q: %w", u.Name, err))
			continue
		}
		g.users[u.Name] = a
		secrets = append(secrets, a.secret)
	}
	if opts.Anonymous != nil {
		tree, err := newMountTree(anonymousName, opts.Anonymous.Mounts, opts.Stores)
		if err != nil {
			errs = append(errs, fmt.Errorf("anonymous: %w", err))
		}
		g.anonymous = tree
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	g.verifier = newVerifier(secrets)
	return g, nil
}

func newAccount(u User, stores map[string]*backends.Store) (account, error) {
	s, err := newSecret(u)
	if err != nil {
		return account{}, err
	}
	tree, err := newMountTree(u.Name, u.Mounts, stores)
	return account{secret: s, tree: tree}, err
}

// isAnonymous does not look at the case, as servers of old did not.
func isAnonymous(name string) bool {
	return strings.EqualFold(name, anonymousName) || strings.EqualFold(name, "ftp")
}

// NewSession implements ftpproto.Backend.
func (g *Gateway) NewSession(_ context.Context, c ftpproto.ConnInfo) (ftpproto.Session, error) {
	return &session{gateway: g, conn: c, log: g.log.With("session", c.ID)}, nil
}
