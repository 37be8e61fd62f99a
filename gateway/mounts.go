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
}

// place is where a name leads.
type place struct {
	name  string // as the user sees it
	mount *mount // nil above and beside all mounts
	key   string // in the mount's store, without a "/" at the end
	fixed bool   // a mount point, or above one: it is always there, and stays
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
		slices.SortFunc(names, func(a, b string) int { return strings.Compare(a+"/", b+"/") }) // as folders among keys
	}
	return t, nil
}

func (t *mountTree) add(user string, m Mount, stores map[string]*backends.Store) error {
	store := stores[m.Store]
	switch {
	case !isName(m.Path):
		return errors.New("want an absolute path, as / or /in")
	case t.mounts[m.Path] != nil:
		return errors.New("there is another mount at this path")
	case store == nil:
		return fmt.Errorf("there is no store %q", m.Store)
	}
	prefix := backends.FolderKey(strings.ReplaceAll(m.Prefix, "{user}", user))
	if prefix != "" && !backends.ValidKey(prefix) || strings.HasPrefix(prefix, backends.StatePrefix) {
		return fmt.Errorf("prefix %q: want a folder such as partners/{user}/, outside %s", m.Prefix, backends.StatePrefix)
	}
	t.mounts[m.Path] = &mount{path: m.Path, store: store, prefix: prefix, permissions: m.Permissions}
	t.fix(m.Path)
	return nil
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

// find returns where name leads, by the deepest mount that it lies in. ErrName for what can be
// no name: no element is "..", so that none leads out of the mount's prefix.
func (t *mountTree) find(name string) (place, error) {
	if !isName(name) {
		return place{}, ftpproto.ErrName
	}
	_, fixed := t.fixed[name]
	p := place{name: name, fixed: fixed, mount: t.deepest(name)}
	if p.mount != nil {
		below := strings.TrimPrefix(strings.TrimPrefix(name, p.mount.path), "/")
		p.key = strings.TrimSuffix(p.mount.prefix+below, "/")
	}
	return p, nil
}

// isName reports whether name is absolute and clean, and can be that of a key.
func isName(name string) bool {
	below, ok := strings.CutPrefix(name, "/")
	return ok && (below == "" || backends.ValidKey(below) && !strings.HasSuffix(below, "/"))
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
