package config

import (
	"path"
	"slices"
	"strings"
	"unicode"
)

// validate adds what is wrong between fields; what is wrong with one field alone the decoder knows.
func (c *Config) validate(p *problems) {
	c.validateListeners(p)
	c.validateStores(p)
	c.validateUsers(p)
	c.validateAnonymous(p)
}

func (c *Config) validateListeners(p *problems) {
	if len(c.Listeners) == 0 {
		p.add("listeners", "missing, expected at least one")
	}
	taken := map[Address]string{}
	takeAddress := func(address Address, at string) {
		if other, ok := taken[address]; ok {
			p.add(at, "got %q, which %s listens at already", address, other)
		}
		if address != "" && !strings.HasSuffix(string(address), ":0") {
			taken[address] = at
		}
	}
	for i, l := range c.Listeners {
		takeAddress(l.Address, join(element("listeners", i), "address"))
	}
	takeAddress(c.Admin.Address, "admin.address")

	if c.NeedsCertificate() && c.TLS.CertFile == "" {
		p.add("tls.cert_file", "missing, expected the name of a file as a listener uses TLS")
	}
	if c.NeedsCertificate() && c.TLS.KeyFile == "" {
		p.add("tls.key_file", "missing, expected the name of a file as a listener uses TLS")
	}
}

func (c *Config) validateUsers(p *problems) {
	if len(c.Users) == 0 && !c.Anonymous.Enabled {
		p.add("users", "missing, expected at least one, or anonymous.enabled")
	}
	names := map[string]bool{}
	for i, u := range c.Users {
		at := element("users", i)
		if names[u.Name] {
			p.add(join(at, "name"), "got %q, which is the name of another user", u.Name)
		}
		names[u.Name] = u.Name != ""
		c.validateUser(p, at, u)
	}
}

func (c *Config) validateUser(p *problems, at string, u User) {
	switch {
	case c.Anonymous.Enabled && (strings.EqualFold(u.Name, "anonymous") || strings.EqualFold(u.Name, "ftp")):
		p.add(join(at, "name"), "got %q, which is the anonymous user's while anonymous.enabled is true", u.Name)
	case !isUserName(u.Name):
		p.add(join(at, "name"), "got %q, expected a name without /, without control characters, and not . or ..", u.Name)
	}
	validatePassword(p, at, u)
	if len(u.Mounts) == 0 {
		p.add(join(at, "mounts"), "missing, expected at least one")
	}
	paths := map[string]bool{}
	for j, m := range u.Mounts {
		mount := element(join(at, "mounts"), j)
		switch {
		case m.Path == "":
		case !path.IsAbs(m.Path) || path.Clean(m.Path) != m.Path || hasControl(m.Path):
			p.add(join(mount, "path"), "got %q, expected an absolute path such as / or /in", m.Path)
		case paths[m.Path]:
			p.add(join(mount, "path"), "got %q, where another mount of the user is", m.Path)
		}
		paths[m.Path] = true
		c.validateTarget(p, mount, m.Store, m.Prefix)
		c.validateKept(p, mount, u.Name, m)
	}
}

func validatePassword(p *problems, at string, u User) {
	plain, hash := p.given(at, "password", u.Password), p.given(at, "password_hash", u.PasswordHash)
	switch {
	case !plain && !hash:
		p.add(join(at, "password_hash"), "missing, expected what \"tidegate passwd\" prints")
	case plain && hash:
		p.add(join(at, "password"), "given together with password_hash, expected one of them")
	}
}

// given reports whether a secret is there, or was meant to be: why its file could not be read
// is told already.
func (p *problems) given(at, key string, value Secret) bool {
	return value != "" || p.has(join(at, key)) || p.has(join(at, key+fileSuffix))
}

func (c *Config) validateAnonymous(p *problems) {
	a := c.Anonymous
	if a.Enabled && a.Store == "" {
		p.add("anonymous.store", "missing, expected the name of a store as anonymous.enabled is true")
	}
	if a.Enabled && len(a.Permissions) == 0 {
		p.add("anonymous.permissions", "missing, expected at least one as anonymous.enabled is true")
	}
	c.validateTarget(p, "anonymous", a.Store, a.Prefix)
	c.validateKept(p, "anonymous", "anonymous", a.Mount())
}

// validateTarget checks the store and the prefix of a mount.
func (c *Config) validateTarget(p *problems, at, store, folder string) {
	var names []string
	for _, s := range c.Stores {
		if s.Name != "" && !slices.Contains(names, s.Name) {
			names = append(names, s.Name)
		}
	}
	if store != "" && len(names) > 0 && !slices.Contains(names, store) {
		p.add(join(at, "store"), "got %q, which is no store, expected one of %s", store, strings.Join(names, ", "))
	}
	if !isFolder(folder) {
		p.add(join(at, "prefix"), "got %q, expected a folder such as partners/{user}/, inside the store and outside .tidegate/", folder)
	}
}

// forUser puts the login name for the variable that stands for it.
func forUser(template, user string) string { return strings.ReplaceAll(template, "{user}", user) }

// statePrefix is the folder of a store that no user reaches; it holds what Tidegate keeps there.
const statePrefix = ".tidegate"

// isFolder reports whether a prefix names a folder inside a store.
func isFolder(prefix string) bool {
	if prefix == "" {
		return true
	}
	rest := forUser(prefix, "user")
	if strings.ContainsAny(rest, "{}") || hasControl(rest) {
		return false
	}
	rest = strings.TrimSuffix(rest, "/")
	return !path.IsAbs(rest) && path.Clean(rest) == rest && rest != "." &&
		strings.Split(rest, "/")[0] != ".." && strings.Split(rest, "/")[0] != statePrefix
}

// isUserName reports whether a name can stand in a prefix and in a log line.
func isUserName(name string) bool {
	return name != "." && name != ".." && !strings.Contains(name, "/") && !hasControl(name)
}

func hasControl(s string) bool { return strings.ContainsFunc(s, unicode.IsControl) }

// element returns the path of element i of the list at path.
func element(path string, i int) string { return join(path, elementKey(i)) }
