// Package minio runs a real MinIO for tests.
//
// A test binary has one server, which all its tests share, each with buckets of its own:
//
//	func TestMain(m *testing.M) { os.Exit(minio.Run(m)) }
//
//	func TestSomething(t *testing.T) {
//		server := minio.Shared(t)
//		bucket := server.Bucket(t)
//		…
//	}
//
// A test that stops the store uses a server of its own, from Start.
package minio

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
	"golang.org/x/sys/unix"
)

// BinaryEnv names the environment variable that overrides where the MinIO binary is.
const BinaryEnv = "TIDEGATE_TEST_MINIO"

const (
	accessKey = "tidegate"
	secretKey = "tidegate-test-secret"
	// Region is what every server calls its own.
	Region = "us-east-1"

	readyTimeout = 60 * time.Second // a cold start on a busy machine
	pollInterval = 10 * time.Millisecond
	startTries   = 5 // the free port can be taken by another before MinIO has it
)

// Server is a MinIO process with a data directory of its own, on a loopback port.
type Server struct {
	Endpoint  string // "http://127.0.0.1:port"
	AccessKey string
	SecretKey string

	address string
	data    string
	process *process // nil while stopped
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
		shared.server.remove()
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

// Start returns a server of the test's own, which may be stopped and restarted.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start()
	require.NoError(tb, err)
	tb.Cleanup(s.remove)
	return s
}

// Stop kills the server, as a crash would. Its data stays.
func (s *Server) Stop() {
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Restart starts a stopped server again: same address, same data.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	require.Nil(tb, s.process, "the server is running")
	require.NoError(tb, s.launch())
}

func (s *Server) remove() {
	s.Stop()
	_ = os.RemoveAll(s.data)
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

func start() (*Server, error) {
	data, err := os.MkdirTemp(roomInMemory(), "tidegate-minio-")
	if err != nil {
		return nil, err
	}
	s := &Server{AccessKey: accessKey, SecretKey: secretKey, data: data}
	for try := 1; ; try++ {
		if s.address, err = freeAddress(); err == nil {
			s.Endpoint = "http://" + s.address
			err = s.launch()
		}
		if err == nil {
			return s, nil
		}
		if try == startTries || !errors.Is(err, errExited) {
			s.remove()
			return nil, err
		}
	}
}

// launch starts the process and waits until it takes requests.
func (s *Server) launch() error {
	binary, err := findBinary()
	if err != nil {
		return err
	}
	p, err := startProcess(binary, s.address, s.data)
	if err != nil {
		return err
	}
	if err := s.waitReady(p); err != nil {
		p.kill()
		return fmt.Errorf("start %s: %w\n%s", binary, err, p.output.String())
	}
	s.process = p
	return nil
}

// errExited is a server that ended before it was ready.
var errExited = errors.New("minio exited")

func (s *Server) waitReady(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		// "cluster" and not "live": it also says that writes are taken.
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/minio/health/cluster", http.NoBody)
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

// findBinary returns the path of MinIO: BinaryEnv, or .tools/minio at the root of the module.
func findBinary() (string, error) {
	path := os.Getenv(BinaryEnv)
	if path == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		path = filepath.Join(root, ".tools", "minio")
	}
	if _, err := exec.LookPath(path); err != nil {
		return "", fmt.Errorf("no MinIO to test with: %w: run make tools", err)
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
