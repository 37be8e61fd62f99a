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
	"crypto/rand"
	"encoding/base64"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

const account = "tidegate"

// Server is an Azurite process on a loopback port. All it holds is in its memory.
type Server struct {
	*emulator.Server

	Endpoint string // the URL of the account: "http://127.0.0.1:port/tidegate"
	Account  string
	Key      string
}

var shared emulator.Shared[*Server] //nolint:gochecknoglobals // a process outlives the tests that use it

// Run runs the tests of a binary and then stops its shared server. It returns the exit code.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Shared returns the server of this test binary, which it starts at the first call.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	return shared.Get(tb, start)
}

// Start returns a server of the test's own, which may be stopped.
func Start(tb testing.TB) *Server {
	tb.Helper()
	s, err := start()
	require.NoError(tb, err)
	tb.Cleanup(s.Remove)
	return s
}

func start() (*Server, error) {
	random := make([]byte, 64)
	_, _ = rand.Read(random) // never fails
	key := base64.StdEncoding.EncodeToString(random)
	server, err := emulator.Start(emulator.Command{
		Name:    "Azurite",
		Program: filepath.Join("azurite", "node_modules", ".bin", "azurite-blob"), // where "npm ci" has put it
		Where:   "TIDEGATE_TEST_AZURITE",
		Args: func(host, port, _ string) (args, env []string) {
			return []string{
				"--blobHost", host, "--blobPort", port, "--inMemoryPersistence", "--silent", "--disableTelemetry",
				"--skipApiVersionCheck", // the SDK is always ahead of the emulator
			}, []string{"AZURITE_ACCOUNTS=" + account + ":" + key}
		},
		Ready:     "/" + account,
		AnyAnswer: true, // it listens only when it can do all the rest
	})
	if err != nil {
		return nil, err
	}
	return &Server{Server: server, Endpoint: "http://" + server.Address + "/" + account, Account: account, Key: key}, nil
}
