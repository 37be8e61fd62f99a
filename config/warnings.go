package config

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Warning is a setting that works and may still not be what is wanted.
type Warning struct {
	Field string
	Text  string
}

// Warnings returns what an operator should think about once more.
func (c *Config) Warnings() []Warning {
	var warnings []Warning
	warn := func(field, text string) { warnings = append(warnings, Warning{Field: field, Text: text}) }

	for i, l := range c.Listeners {
		if !isLocal(l.Address) && (l.TLS == TLSNone || l.TLS == TLSExplicit) {
			warn(join(element("listeners", i), "tls"), string(l.TLS)+" lets passwords and files cross the network in clear")
		}
	}
	for i, s := range c.Stores {
		warnOfStore(element("stores", i), s, warn)
	}
	for i, u := range c.Users {
		if u.Password != "" {
			warn(join(element("users", i), "password"), "is plain; password_hash holds what \"tidegate passwd\" prints")
		}
		for j, m := range u.Mounts {
			warnOfClass(element(join(element("users", i), "mounts"), j), m.StorageClass, warn)
		}
	}
	warnOfClass("anonymous", c.Anonymous.StorageClass, warn)
	if c.Anonymous.Enabled && slices.ContainsFunc(c.Anonymous.Permissions, changes) {
		warn("anonymous.permissions", "let anybody change files")
	}
	return warnings
}

func warnOfStore(at string, s Store, warn func(field, text string)) {
	if u, err := url.Parse(string(s.Endpoint)); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		warn(join(at, "endpoint"), "has no https: files cross the network in clear")
	}
	if strings.HasPrefix(s.ACL, "public") {
		warn(join(at, "acl"), s.ACL+" lets anybody on the Internet read what is uploaded")
	}
	warnOfClass(at, s.StorageClass, warn)
}

// warnOfClass tells of the classes whose objects must be restored before they can be read.
func warnOfClass(at, class string, warn func(field, text string)) {
	if slices.Contains([]string{"GLACIER", "DEEP_ARCHIVE", "Archive"}, class) {
		warn(join(at, "storage_class"), class+" takes hours to give a file back: downloads, appends and renames of it fail")
	}
}

// changes reports whether a permission is more than to look.
func changes(permission string) bool { return permission != "list" && permission != "read" }

// isLocal reports whether only this machine reaches the address.
func isLocal(a Address) bool {
	host, _, err := net.SplitHostPort(string(a))
	return err == nil && isLoopback(host)
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
