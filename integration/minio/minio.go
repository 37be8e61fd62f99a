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
	"crypto/tls"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/emulator"
)

const (
	accessKey = "tidegate"
	secretKey = "tidegate-test-secret"
	// Region is what every server calls its own.
	Region = "us-east-1"
	// KMSKey names the key with which a server encrypts.
	KMSKey    = "tidegate-test-key"
	kmsSecret = "dGlkZWdhdGUtdGVzdHMtb25seS1ub3Qtc2VjcmV0ISE=" // 32 bytes
)

// Server is a MinIO process with a data directory of its own, on a loopback port. It encrypts
// what it is asked to, with KMSKey.
type Server struct {
	*emulator.Server

	Endpoint  string // "http://127.0.0.1:port"
	AccessKey string
	SecretKey string
	CAFile    string // the certificate of a server that speaks TLS, "" for others

	tls *tls.Config // for a client of such a server
}

var shared emulator.Shared[*Server] //nolint:gochecknoglobals // a process outlives the tests that use it

// Run runs the tests of a binary and then stops its shared server. It returns the exit code.
func Run(m interface{ Run() int }) int { return shared.Run(m) }

// Shared returns the server of this test binary, which it starts at the first call.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	return shared.Get(tb, func() (*Server, error) { return start(nil) })
}

// Start returns a server of the test's own, which may be stopped and restarted. env is added to its
// environment.
func Start(tb testing.TB, env ...string) *Server {
	tb.Helper()
	s, err := start(nil, env...)
	require.NoError(tb, err)
	tb.Cleanup(s.Remove)
	return s
}

// StartTLS returns a server of the test's own that speaks TLS, with a certificate that only
// CAFile vouches for. Keys of customers are taken by no other.
func StartTLS(tb testing.TB) *Server {
	tb.Helper()
	c, err := newCertificate(tb.TempDir())
	require.NoError(tb, err)
	s, err := start(c)
	require.NoError(tb, err)
	tb.Cleanup(s.Remove)
	return s
}

// start starts a server, which speaks TLS if c is not nil.
func start(c *certificate, env ...string) (*Server, error) {
	env = append([]string{
		"MINIO_ROOT_USER=" + accessKey,
		"MINIO_ROOT_PASSWORD=" + secretKey,
		"MINIO_REGION=" + Region,
		"MINIO_BROWSER=off",
		"MINIO_UPDATE=off",
		"MINIO_KMS_SECRET_KEY=" + KMSKey + ":" + kmsSecret,
	}, env...)
	s := &Server{AccessKey: accessKey, SecretKey: secretKey}
	var args []string
	scheme := "http://"
	if c != nil {
		s.CAFile, s.tls, scheme = c.file, c.client, "https://"
		args = []string{"--certs-dir", c.dir}
	}
	var err error
	s.Server, err = emulator.Start(emulator.Command{
		Name:    "MinIO",
		Program: "minio",
		Where:   "TIDEGATE_TEST_MINIO",
		Args: func(host, port, data string) ([]string, []string) {
			return append([]string{"server", "--quiet", "--address", net.JoinHostPort(host, port), data}, args...), env
		},
		Ready: "/minio/health/cluster", // and not "live": it also says that writes are taken
		TLS:   s.tls,
	})
	if err != nil {
		return nil, err
	}
	s.Endpoint = scheme + s.Address
	return s, nil
}
