// Package azurite runs a real Azurite, Microsoft's emulator of Azure Storage, for tests.
//
// A test binary has one server, which all its tests share, each with containers of its own:
//
//	func TestMain(m *testing.M) { os.Exit(azurite.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		server := azurite.Shared(t)
//		container := server.Container(t)
//		…
//	}
//
// A test that stops the store uses a server of its own, from Start.
package azurite

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// DirEnv names the environment variable that overrides where "npm ci" has put Azurite.
const DirEnv = "TIDEGATE_TEST_AZURITE"

const (
	account = "tidegate"

	readyTimeout = 60 * time.Second // a cold start of Node on a busy machine
	pollInterval = 10 * time.Millisecond
	startTries   = 5 // the free port can be taken by another before Azurite has it
)

// Server is an Azurite process on a loopback port. All it holds is in its memory.
type Server struct {
	Endpoint string // the URL of the account: "http://127.0.0.1:port/tidegate"
	Account  string
	Key      string

	address string
	process *process // nil once stopped
}

// shared is the server of this test binary: a process must outlive the tests that use it.
var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// Run runs the tests of a binary and then stops its shared server. It returns the exit code.
func Run(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.server != nil {
		shared.server.Stop()
		shared.server = nil
	}
	return code
}

// Shared returns the server of this test binary, which it starts at the first call.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start()
	}
	require.NoError(tb, shared.err)
	return shared.server
}

// Start returns a server of the test's own, which may be stopped.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start()
	require.NoError(tb, err)
	tb.Cleanup(s.Stop)
	return s
}

// Stop kills the server, and what it holds is gone.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

func start() (*Server, error) {
	key := make([]byte, 64)
	_, _ = rand.Read(key) // never fails
	s := &Server{Account: account, Key: base64.StdEncoding.EncodeToString(key)}
	for try := 1; ; try++ {
		var err error
		if s.address, err = freeAddress(); err == nil {
			s.Endpoint = "http://" + s.address + "/" + account
			err = s.launch()
		}
		if err == nil {
			return s, nil
		}
		if try == startTries || !errors.Is(err, errExited) {
			return nil, err
		}
	}
}

// launch starts the process and waits until it takes requests.
func (s *Server) launch() error {
	program, err := findProgram()
	if err != nil {
		return err
	}
	p, err := startProcess(program, s)
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
var errExited = errors.New("azurite exited")

// waitReady waits for any answer: Azurite listens only when it can do all the rest.
func (s *Server) waitReady(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint, http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
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

func freeAddress() (string, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// findProgram returns the script that starts the blob service: below DirEnv, or .tools/azurite at
// the root of the module.
func findProgram() (string, error) {
	dir := os.Getenv(DirEnv)
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".tools", "azurite")
	}
	program := filepath.Join(dir, "node_modules", ".bin", "azurite-blob")
	if _, err := exec.LookPath(program); err != nil {
		return "", fmt.Errorf("no Azurite to test with: %w: run make tools", err)
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
