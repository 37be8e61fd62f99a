package config

import (
	"net"
	"net/netip"
	"slices"
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
		if !isLoopback(l.Address) && (l.TLS == TLSNone || l.TLS == TLSExplicit) {
			warn(join(element("listeners", i), "tls"), string(l.TLS)+" lets passwords and files cross the network in clear")
		}
	}
	for i, u := range c.Users {
		if u.Password != "" {
			warn(join(element("users", i), "password"), "is plain; password_hash holds what \"tidegate passwd\" prints")
		}
	}
	if c.Anonymous.Enabled && slices.ContainsFunc(c.Anonymous.Permissions, changes) {
		warn("anonymous.permissions", "let anybody change files")
	}
	return warnings
}

// changes reports whether a permission is more than to look.
func changes(permission string) bool { return permission != "list" && permission != "read" }

// isLoopback reports whether only this machine reaches the address.
func isLoopback(a Address) bool {
	host, _, err := net.SplitHostPort(string(a))
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
