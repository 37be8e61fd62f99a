// Package emulator runs the stores that tests are made against, each in a process of its own on a
// loopback port. They end with the test binary, whatever ends that.
package emulator

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	readyTimeout = 60 * time.Second // a cold start on a busy machine
	pollInterval = 10 * time.Millisecond
	startTries   = 5 // the free port can be taken by another before the server has it
)

// Command says how a store is started.
type Command struct {
	Name    string // for people
	Program string // below .tools at the root of the module
	Where   string // the environment variable that overrides where the program is

	// Args returns its arguments, and what is added to its environment. data is an empty
	// directory for it.
	Args func(host, port, data string) (args, env []string)

	// Ready is the path of a URL that is answered once the server can be used.
	Ready string
	// AnyAnswer says that any answer to it will do, and not only 200.
	AnyAnswer bool
	// TLS is for a store that speaks TLS: how it is spoken with. nil is plain HTTP.
	TLS *tls.Config
}

// Server is a running store.
type Server struct {
	Address string // "127.0.0.1:port"

	command Command
	data    string
	process *process // nil while stopped
}

// Start starts a store and returns when it can be used.
func Start(c Command) (*Server, error) {
	data, err := os.MkdirTemp(roomInMemory(), "tidegate-test-")
	if err != nil {
		return nil, err
	}
	s := &Server{command: c, data: data}
	for try := 1; ; try++ {
		if s.Address, err = freeAddress(); err == nil {
			err = s.launch()
		}
		if err == nil {
			return s, nil
		}
		if try == startTries || !errors.Is(err, errExited) {
			s.Remove()
			return nil, err
		}
	}
}

// Running reports whether the store has not been stopped.
func (s *Server) Running() bool { return s.process != nil }

// Stop kills the store, as a crash would. What it has on the disk stays.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Restart starts a stopped store again: same address, same data.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	require.Nil(tb, s.process, "the server is running")
	require.NoError(tb, s.launch())
}

// Remove kills the store, and removes what it had on the disk.
func (s *Server) Remove() {
	s.Stop()
	_ = os.RemoveAll(s.data)
}

// launch starts the process and waits until it takes requests.
func (s *Server) launch() error {
	program, err := s.command.find()
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		return err
	}
	args, env := s.command.Args(host, port, s.data)
	p, err := startProcess(program, args, env, s.data)
	if err != nil {
		return err
	}
	if err := s.waitReady(p); err != nil {
		p.kill()
		return fmt.Errorf("start %s: %w\n%s", program, err, p.output.String())
	}
	s.process = p
	return nil
}

// errExited is a server that ended before it was ready.
var errExited = errors.New("the server exited")

func (s *Server) waitReady(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		if s.answers(ctx) {
			return nil
		}
		select {
		case <-p.exited:
			return errExited
		case <-ctx.Done():
			return fmt.Errorf("not ready within %v", readyTimeout)
		case <-poll.C:
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	scheme := "http://"
	if s.command.TLS != nil {
		scheme = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+s.Address+s.command.Ready, http.NoBody)
	if err != nil {
		return false
	}
	resp, err := ClientTLS(s.command.TLS).Do(req)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return s.command.AnyAnswer || resp.StatusCode == http.StatusOK
}

// Client returns a client that keeps no connection open, so that a test can look for goroutines
// that are left.
func Client() *http.Client { return ClientTLS(nil) }

// ClientTLS is Client for a store with this Command.TLS.
func ClientTLS(config *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
}

// find returns the path of the program.
func (c Command) find() (string, error) {
	program := os.Getenv(c.Where)
	if program == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		program = filepath.Join(root, ".tools", c.Program)
	}
	if _, err := exec.LookPath(program); err != nil {
		return "", fmt.Errorf("no %s to test with: %w: run make tools", c.Name, err)
	}
	return program, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}

func freeAddress() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// roomInMemory returns a folder that lies in memory if it has room for all that tests store, else
// "". Half of a test's time goes into waiting for a disk.
func roomInMemory() string {
	const dir, enough = "/dev/shm", 8 << 30
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < enough {
		return ""
	}
	return dir
}
