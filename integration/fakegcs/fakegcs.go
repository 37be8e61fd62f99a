// Package fakegcs runs fake-gcs-server, an emulator of Google Cloud Storage, for tests.
//
// A test binary has one server, which all its tests share, each with buckets of its own:
//
//	func TestMain(m *testing.M) { os.Exit(fakegcs.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		server := fakegcs.Shared(t)
//		bucket := server.Bucket(t)
//		…
//	}
//
// It keeps its objects in memory, because on a disk it drops those whose names end in "/". It heeds
// conditions on uploads only: what depends on others needs something that does in front of it.
package fakegcs

import (
	"context"
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

// BinaryEnv names the environment variable that overrides where the fake-gcs-server binary is.
const BinaryEnv = "TIDEGATE_TEST_FAKE_GCS_SERVER"

const (
	readyTimeout = 60 * time.Second // a cold start on a busy machine
	pollInterval = 10 * time.Millisecond
	startTries   = 5 // the free port can be taken by another before the server has it
)

// Server is a fake-gcs-server process on a loopback port.
type Server struct {
	Endpoint string // "http://127.0.0.1:port"

	process *process
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
		shared.server.process.kill()
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

func start() (*Server, error) {
	binary, err := findBinary()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		s, err := launch(binary)
		if err == nil || try == startTries || !errors.Is(err, errExited) {
			return s, err
		}
	}
}

// launch starts a process on a free port and waits until it takes requests.
func launch(binary string) (*Server, error) {
	host, port, err := freePort()
	if err != nil {
		return nil, err
	}
	p, err := startProcess(binary, host, port)
	if err != nil {
		return nil, err
	}
	s := &Server{Endpoint: "http://" + net.JoinHostPort(host, port), process: p}
	if err := s.waitReady(); err != nil {
		p.kill()
		return nil, fmt.Errorf("start %s: %w\n%s", binary, err, p.output.String())
	}
	return s, nil
}

// errExited is a server that ended before it was ready.
var errExited = errors.New("fake-gcs-server exited")

func (s *Server) waitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	client := client()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/_internal/healthcheck", http.NoBody)
		if err != nil {
			return err
		}
		if resp, err := client.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.process.exited:
			return errExited
		case <-ctx.Done():
			return fmt.Errorf("not ready within %v", readyTimeout)
		case <-poll.C:
		}
	}
}

// client keeps no connection open, so that a test can look for goroutines that are left.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func freePort() (host, port string, err error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer l.Close()
	return net.SplitHostPort(l.Addr().String())
}

// findBinary returns the path of the server: BinaryEnv, or .tools at the root of the module.
func findBinary() (string, error) {
	path := os.Getenv(BinaryEnv)
	if path == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, ".tools", "fake-gcs-server")
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("no fake-gcs-server to test with: %w: run make tools", err)
	}
	return path, nil
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
