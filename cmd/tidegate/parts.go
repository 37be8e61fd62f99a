package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/gateway"
)

// What the configuration says, in the words of each part.

func newLogger(w io.Writer, c config.Log) *slog.Logger {
	var level slog.Level
	// The schema allows the names of slog's levels only.
	_ = level.UnmarshalText([]byte(c.Level))
	opts := &slog.HandlerOptions{Level: level}
	if c.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

func gatewayOptions(c *config.Config, stores map[string]*backends.Store, log *slog.Logger) (gateway.Options, error) {
	opts := gateway.Options{Stores: stores, Logger: log}
	for i, u := range c.Users {
		user := gateway.User{Name: u.Name, Password: string(u.Password), PasswordHash: string(u.PasswordHash)}
		for j, m := range u.Mounts {
			mount, err := newMount(c, m)
			if err != nil {
				return opts, fmt.Errorf("users[%d].mounts[%d]: %w", i, j, err)
			}
			user.Mounts = append(user.Mounts, mount)
		}
		opts.Users = append(opts.Users, user)
	}
	if a := c.Anonymous; a.Enabled {
		mount, err := newMount(c, a.Mount())
		if err != nil {
			return opts, fmt.Errorf("anonymous: %w", err)
		}
		opts.Anonymous = &gateway.Anonymous{Mounts: []gateway.Mount{mount}}
	}
	return opts, nil
}

func newMount(c *config.Config, m config.Mount) (gateway.Mount, error) {
	if store, ok := c.Store(m.Store); ok {
		m = m.Kept(store)
	}
	mount := gateway.Mount{Path: m.Path, Store: m.Store, Prefix: m.Prefix, StorageClass: m.StorageClass}
	for _, name := range m.Permissions {
		permission, err := gateway.ParsePermission(name)
		if err != nil {
			return mount, err
		}
		mount.Permissions |= permission
	}
	for _, name := range m.Metadata {
		fact, err := gateway.ParseFact(name)
		if err != nil {
			return mount, err
		}
		mount.Metadata |= fact
	}
	if len(m.Tags) > 0 {
		mount.Tags = make(map[string]string, len(m.Tags))
	}
	for _, tag := range m.Tags {
		mount.Tags[tag.Name] = tag.Value
	}
	return mount, nil
}

func serverOptions(c *config.Config, log *slog.Logger) ftpproto.Options {
	return ftpproto.Options{
		Logger:                log,
		MaxSessions:           c.Limits.Sessions,
		MaxSessionsPerAddress: c.Limits.SessionsPerAddress,
	}
}

func listenerOptions(l config.Listener, certificate *tls.Config) ftpproto.ListenerOptions {
	opts := ftpproto.ListenerOptions{
		TLS: tlsMode(l.TLS),
		Passive: ftpproto.PassiveOptions{
			MinPort:       l.Passive.Ports.Min,
			MaxPort:       l.Passive.Ports.Max,
			PublicAddress: l.Passive.PublicAddress,
		},
		ActiveSourcePort: l.Active.SourcePort,
		Timeouts:         ftpproto.Timeouts(l.Timeouts),
		Greeting:         string(l.Greeting),
	}
	if opts.TLS != ftpproto.TLSNone {
		opts.TLSConfig = certificate
	}
	return opts
}

func tlsMode(mode config.TLSMode) ftpproto.TLSMode {
	switch mode {
	case config.TLSExplicit:
		return ftpproto.TLSExplicit
	case config.TLSRequired:
		return ftpproto.TLSRequired
	case config.TLSImplicit:
		return ftpproto.TLSImplicit
	default:
		return ftpproto.TLSNone
	}
}

// newTLSConfig returns what every listener with TLS shows, nil if there is none.
func newTLSConfig(c *config.Config) (*tls.Config, error) {
	if !c.NeedsCertificate() {
		return nil, nil //nolint:nilnil // no listener takes it
	}
	certificate, field, err := loadCertificate(c.TLS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}, nil
}
