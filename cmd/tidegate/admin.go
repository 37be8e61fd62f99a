package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// What one admin request may take. Orchestrators ask small things, and give up after seconds.
const (
	adminTimeout    = 10 * time.Second
	adminMaxHeaders = 16 << 10 // bytes
)

// admin is the HTTP side for orchestrators: whether the process lives, and whether clients
// should be sent to it.
type admin struct {
	server   *http.Server
	ready    func() error // nil while transfers can work
	draining atomic.Bool
}

func newAdmin(ready func() error, log *slog.Logger) *admin {
	a := &admin{ready: ready}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.healthz)
	mux.HandleFunc("GET /readyz", a.readyz)
	a.server = &http.Server{
		Handler:        mux,
		ReadTimeout:    adminTimeout,
		WriteTimeout:   adminTimeout,
		IdleTimeout:    time.Minute,
		MaxHeaderBytes: adminMaxHeaders,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return a
}

// serve answers on l until close.
func (a *admin) serve(l net.Listener) error {
	if err := a.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("admin: %w", err)
	}
	return nil
}

func (a *admin) close() error { return a.server.Close() }

func (a *admin) healthz(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintln(w, "ok")
}

func (a *admin) readyz(w http.ResponseWriter, _ *http.Request) {
	if a.draining.Load() {
		http.Error(w, "draining", http.StatusServiceUnavailable)
		return
	}
	if err := a.ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}
