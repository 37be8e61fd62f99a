package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/config"
	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/gateway"
)

// process is a running gateway: what listens, and what that stands on.
type process struct {
	log          *slog.Logger
	drainTimeout time.Duration

	stores map[string]*backends.Store
	ftp    *ftpproto.Server
	admin  *admin

	running   sync.WaitGroup     // the goroutines below
	failed    chan error         // takes the first error of one of them
	stopWatch context.CancelFunc // ends the watch over the stores
}

// startProcess starts everything, or else leaves nothing behind.
func startProcess(ctx context.Context, c *config.Config, log *slog.Logger) (*process, error) {
	stores, err := openStores(ctx, c, log)
	if err != nil {
		return nil, err
	}
	p := &process{log: log, drainTimeout: c.DrainTimeout, stores: stores, failed: make(chan error, 1)}
	if err := p.start(ctx, c); err != nil {
		return nil, errors.Join(err, closeStores(stores))
	}
	return p, nil
}

// start runs nothing before everything is known to be right and every address is taken.
func (p *process) start(ctx context.Context, c *config.Config) error {
	opts, err := gatewayOptions(c, p.stores, p.log)
	if err != nil {
		return &refusal{err: err}
	}
	gw, err := gateway.New(opts)
	if err != nil {
		return &refusal{err: err}
	}
	certificate, err := newTLSConfig(c)
	if err != nil {
		return &refusal{err: err}
	}
	listeners, err := listenAll(ctx, c)
	if err != nil {
		return err
	}

	p.ftp = ftpproto.NewServer(gw, serverOptions(c, p.log))
	p.admin = newAdmin(gw.StoresReady, p.log)
	for i, l := range c.Listeners {
		p.log.Info("serving FTP", "address", listeners[i].Addr().String(), "tls", string(l.TLS))
		p.serveFTP(listeners[i], listenerOptions(l, certificate))
	}
	if c.Admin.Address != "" {
		p.serveAdmin(listeners[len(c.Listeners)])
	}
	watch, stop := context.WithCancel(ctx)
	p.stopWatch = stop
	p.running.Go(func() { gw.WatchStores(watch) })
	return nil
}

// listenAll takes the address of every listener and, behind them, that of admin.
func listenAll(ctx context.Context, c *config.Config) ([]net.Listener, error) {
	var listeners []net.Listener
	listen := func(field string, address config.Address) error {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", string(address))
		if err != nil {
			for _, taken := range listeners {
				taken.Close()
			}
			return fmt.Errorf("%s: %w", field, err)
		}
		listeners = append(listeners, l)
		return nil
	}
	for i, l := range c.Listeners {
		if err := listen(fmt.Sprintf("listeners[%d].address", i), l.Address); err != nil {
			return nil, err
		}
	}
	if c.Admin.Address != "" {
		if err := listen("admin.address", c.Admin.Address); err != nil {
			return nil, err
		}
	}
	return listeners, nil
}

func (p *process) serveFTP(l net.Listener, opts ftpproto.ListenerOptions) {
	p.running.Go(func() {
		if err := p.ftp.Serve(l, opts); !errors.Is(err, ftpproto.ErrServerClosed) {
			p.fail(err)
		}
	})
}

func (p *process) serveAdmin(l net.Listener) {
	p.log.Info("serving HTTP", "address", l.Addr().String())
	p.running.Go(func() {
		if err := p.admin.serve(l); err != nil {
			p.fail(err)
		}
	})
}

// fail ends the process; what fails after the first failure follows from it.
func (p *process) fail(err error) {
	select {
	case p.failed <- err:
	default:
	}
}

// drain lets running transfers end. When the drain timeout is over, or at a further signal, it
// cuts them and says so.
func (p *process) drain(signals <-chan os.Signal) error {
	p.admin.draining.Store(true)
	ctx, cut := context.WithTimeout(context.Background(), p.drainTimeout)
	defer cut()
	drained := make(chan error, 1)
	go func() { drained <- p.ftp.Shutdown(ctx) }()
	var err error
	select {
	case err = <-drained:
	case <-signals:
		cut()
		err = <-drained
	}
	if err != nil {
		return fmt.Errorf("running transfers were cut: %w", err)
	}
	return nil
}

// close ends what still runs, and waits for it.
func (p *process) close() error {
	p.stopWatch()
	err := errors.Join(p.ftp.Close(), p.admin.close())
	p.running.Wait()
	return errors.Join(err, closeStores(p.stores))
}
