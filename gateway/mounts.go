package gateway

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

// mountTree is what a user sees: the mounts, and above them folders that lead to them. It does
// not change.
type mountTree struct {
	mounts map[string]*mount   // by path
	fixed  map[string][]string // every mount point and every folder above one: the names of those right below it
}

// mount is a Mount of one user.
type mount struct {
	path        string
	store       *backends.Store
	prefix      string // key of the folder, with a "/" at the end, or ""
	permissions Permissions
	kept        kept
}

// place is where a name leads.
type place struct {
	name   string // as listings show it, which may differ from what the user said
	mount  *mount // nil above and beside all mounts
	key    string // of a file, in the mount's store
	folder string // key of a folder, with a "/" at its end; "" for the whole store
	fixed  bool   // a mount point, or above one: it is always there, and stays
}

func newMountTree(user string, mounts []Mount, stores map[string]*backends.Store) (*mountTree, error) {
	if user == "" || user == "." || user == ".." || strings.Contains(user, "/") || strings.ContainsFunc(user, unicode.IsControl) {
		return nil, errors.New("the name is empty, or cannot be that of a folder")
	}
	if len(mounts) == 0 {
		return nil, errors.New("nothing is mounted")
	}
	t := &mountTree{mounts: make(map[string]*mount), fixed: make(map[string][]string)}
	for _, m := range mounts {
		if err := t.add(user, m, stores); err != nil {
			return nil, fmt.Errorf("mount %q: %w", m.Path, err)
		}
	}
	for _, names := range t.fixed {
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(sortKey(a), sortKey(b)) })
	}
	return t, t.scope(user)
}

func (t *mountTree) add(user string, m Mount, stores map[string]*backends.Store) error {
	store := stores[m.Store]
	switch {
	case !isName(m.Path) || canonical(m.Path) != m.Path:
		return errors.New("want an absolute path, as / or /in, as listings show it")
	case t.mounts[m.Path] != nil:
		return errors.New("there is another mount at this path")
	case store == nil:
		return fmt.Errorf("there is no store %q", m.Store)
	}
	prefix := backends.FolderKey(forUser(m.Prefix, user))
	if prefix != "" && !backends.ValidKey(prefix) || strings.HasPrefix(prefix, backends.StatePrefix) {
		return fmt.Errorf("prefix %q: want a folder such as partners/{user}/, outside %s", m.Prefix, backends.StatePrefix)
	}
	k, err := newKept(user, m, store.Caps())
	if err != nil {
		return err
	}
	t.mounts[m.Path] = &mount{path: m.Path, store: store, prefix: prefix, permissions: m.Permissions, kept: k}
	t.fix(m.Path)
	return nil
}

// forUser fills in the user's name.
func forUser(template, user string) string { return strings.ReplaceAll(template, "{user}", user) }

// scope gives the mounts stores that let the user reach no more than the mounts show: one for all
// mounts of a store, so that a rename between them stays inside it.
func (t *mountTree) scope(user string) error {
	prefixes := make(map[*backends.Store][]string)
	for _, m := range t.mounts {
		prefixes[m.store] = append(prefixes[m.store], m.prefix)
	}
	scoped := make(map[*backends.Store]*backends.Store, len(prefixes))
	for store, of := range prefixes {
		var err error
		if scoped[store], err = store.Scope(backends.Scope{User: user, Prefixes: outermost(of)}); err != nil {
			return fmt.Errorf("store %q: %w", store.Name(), err)
		}
	}
	for _, m := range t.mounts {
		m.store = scoped[m.store]
	}
	return nil
}

// outermost returns the prefixes that lie in no other one, in order.
func outermost(prefixes []string) []string {
	slices.Sort(prefixes)
	outer := prefixes[:1]
	for _, prefix := range prefixes[1:] {
		if !strings.HasPrefix(prefix, outer[len(outer)-1]) {
			outer = append(outer, prefix)
		}
	}
	return outer
}

// fix makes name and the folders above it fixed.
func (t *mountTree) fix(name string) {
	if _, ok := t.fixed[name]; ok {
		return
	}
	t.fixed[name] = nil
	if name == "/" {
		return
	}
	parent := path.Dir(name)
	t.fix(parent)
	t.fixed[parent] = append(t.fixed[parent], path.Base(name))
}

// find returns where name leads, by the deepest mount that it lies in. What is no absolute, clean
// name is ErrName. So no element is "..", and none leads out of the mount's prefix: the escape of
// ".." leads to a key with two dots in it, if the store takes such keys.
func (t *mountTree) find(name string) (place, error) {
	if !isName(name) {
		return place{}, ftpproto.ErrName
	}
	name = canonical(name)
	_, fixed := t.fixed[name]
	p := place{name: name, fixed: fixed, mount: t.deepest(name)}
	if p.mount == nil {
		return p, nil
	}
	below := strings.TrimPrefix(strings.TrimPrefix(name, p.mount.path), "/")
	if below == "" {
		p.folder = p.mount.prefix
		p.key = strings.TrimSuffix(p.folder, "/")
	} else {
		p.key = p.mount.prefix + keyOf(below)
		p.folder = p.key + "/"
	}
	return p, nil
}

// isName reports whether name is absolute and clean. What else an element may be, the store says.
func isName(name string) bool { return path.IsAbs(name) && path.Clean(name) == name }

// canonical returns what listings show for name.
func canonical(name string) string {
	if name == "/" {
		return name
	}
	return "/" + nameOf(keyOf(name[1:]))
}

func (t *mountTree) deepest(name string) *mount {
	for at := name; at != ""; at = at[:strings.LastIndexByte(at, '/')] {
		if m := t.mounts[at]; m != nil {
			return m
		}
	}
	return t.mounts["/"]
}

// may reports whether the user has any of permissions at p.
func (p place) may(permissions Permissions) bool {
	return p.mount != nil && p.mount.permissions.some(permissions)
}
