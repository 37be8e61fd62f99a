package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/localstore"
	"github.com/tidegate/tidegate/backends/s3store"
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

// openStores opens every store. It asks none of them anything: a bucket that cannot be reached
// now can be reached later.
func openStores(ctx context.Context, c *config.Config, log *slog.Logger) (map[string]*backends.Store, error) {
	memory := backends.NewMemory(int64(c.Memory))
	stores := make(map[string]*backends.Store, len(c.Stores))
	for i, s := range c.Stores {
		driver, err := openDriver(ctx, s)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("stores[%d] (%s): %w", i, s.Name, err), closeStores(stores))
		}
		stores[s.Name] = backends.NewStore(s.Name, driver, backends.StoreOptions{Memory: memory, Logger: log})
	}
	return stores, nil
}

func openDriver(ctx context.Context, s config.Store) (backends.Driver, error) {
	switch s.Type {
	case config.StoreS3:
		return s3store.New(ctx, s3store.Options{
			Bucket:       s.Bucket,
			Endpoint:     string(s.Endpoint),
			Region:       s.Region,
			PathStyle:    s.PathStyle,
			AccessKey:    string(s.AccessKey),
			SecretKey:    string(s.SecretKey),
			SessionToken: string(s.SessionToken),
			Checksum:     string(s.Checksum),
		})
	case config.StoreLocal:
		return localstore.New(localstore.Options{Path: s.Path})
	}
	return nil, fmt.Errorf("no driver for type %q", s.Type)
}

// closeStores closes them side by side: one that is away takes its time to end its uploads.
func closeStores(stores map[string]*backends.Store) error {
	closed := make(chan error, len(stores))
	for name, store := range stores {
		go func() {
			err := store.Close()
			if err != nil {
				err = fmt.Errorf("closing store %s: %w", name, err)
			}
			closed <- err
		}()
	}
	var errs []error
	for range stores {
		errs = append(errs, <-closed)
	}
	return errors.Join(errs...)
}

func gatewayOptions(c *config.Config, stores map[string]*backends.Store, log *slog.Logger) (gateway.Options, error) {
	opts := gateway.Options{Stores: stores, Logger: log}
	for i, u := range c.Users {
		user := gateway.User{Name: u.Name, Password: string(u.Password), PasswordHash: string(u.PasswordHash)}
		for j, m := range u.Mounts {
			mount, err := newMount(m)
			if err != nil {
				return opts, fmt.Errorf("users[%d].mounts[%d]: %w", i, j, err)
			}
			user.Mounts = append(user.Mounts, mount)
		}
		opts.Users = append(opts.Users, user)
	}
	if a := c.Anonymous; a.Enabled {
		mount, err := newMount(config.Mount{Path: "/", Store: a.Store, Prefix: a.Prefix, Permissions: a.Permissions})
		if err != nil {
			return opts, fmt.Errorf("anonymous: %w", err)
		}
		opts.Anonymous = &gateway.Anonymous{Mounts: []gateway.Mount{mount}}
	}
	return opts, nil
}

func newMount(m config.Mount) (gateway.Mount, error) {
	mount := gateway.Mount{Path: m.Path, Store: m.Store, Prefix: m.Prefix}
	for _, name := range m.Permissions {
		permission, err := gateway.ParsePermission(name)
		if err != nil {
			return mount, err
		}
		mount.Permissions |= permission
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
