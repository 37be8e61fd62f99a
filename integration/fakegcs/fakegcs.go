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
	"net"
	"testing"

	"github.com/tidegate/tidegate/integration/emulator"
)

// Server is a fake-gcs-server process on a loopback port.
type Server struct {
	*emulator.Server

	Endpoint string // "http://127.0.0.1:port"
}

var shared emulator.Shared[*Server] //nolint:gochecknoglobals // a process outlives the tests that use it

// Run runs the tests of a binary and then stops its shared server. It returns the exit code.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Shared returns the server of this test binary, which it starts at the first call.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	return shared.Get(tb, start)
}

func start() (*Server, error) {
	server, err := emulator.Start(emulator.Command{
		Name:    "fake-gcs-server",
		Program: "fake-gcs-server",
		Where:   "TIDEGATE_TEST_FAKE_GCS_SERVER",
		Args: func(host, port, _ string) (args, env []string) {
			return []string{
				"-backend", "memory", "-scheme", "http", "-host", host, "-port", port, "-log-level", "error",
				"-public-host", net.JoinHostPort(host, port), // else it serves downloads to no other name than Google's
			}, nil
		},
		Ready: "/_internal/healthcheck",
	})
	if err != nil {
		return nil, err
	}
	return &Server{Server: server, Endpoint: "http://" + server.Address}, nil
}
