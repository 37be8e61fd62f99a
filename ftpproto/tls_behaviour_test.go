package ftpproto_test

import (
	"crypto/tls"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// serveTLS starts a server with TLS and returns the settings of its clients.
func serveTLS(t *testing.T, mode ftpproto.TLSMode) (*running, *tls.Config) {
	t.Helper()
	serverTLS, clientTLS, err := ftptest.NewTLS()
	require.NoError(t, err)
	fs := newFS()
	fs.AddFile("/a.txt", []byte("hello"), time.Time{})
	return serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{TLS: mode, TLSConfig: serverTLS}), clientTLS
}

// secure connects a client by implicit TLS and logs it in, with data connections protected.
func (s *running) secure(t *testing.T, config *tls.Config, version uint16) client {
	t.Helper()
	c := s.dial(t, config)
	require.NoError(t, c.StartTLS(version))
	c.want("220")
	c.login()
	c.cmd("PBSZ 0", "200")
	c.cmd("PROT P", "200")
	return c
}

// tickets is a client's cache of TLS sessions that can be exchanged for another's, as a thief
// would.
type tickets struct{ tls.ClientSessionCache }

// retr downloads /a.txt and tells whether its data connection resumed a TLS session.
func (c client) retr() (resumed bool) {
	c.t.Helper()
	c.start("RETR a.txt")
	require.NoError(c.t, c.StartDataTLS())
	resumed = c.Data().(*tls.Conn).ConnectionState().DidResume
	data, err := c.ReadDataToEnd()
	require.NoError(c.t, err)
	require.Equal(c.t, "hello", string(data))
	c.want("226")
	return resumed
}

// A data connection resumes the TLS session of its own control connection and of no other, so
// that a resumed one belongs to who has logged in.
func TestDataResumesOwnSessionOnly(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			s, config := serveTLS(t, ftpproto.TLSImplicit)
			own := &tickets{tls.NewLRUClientSessionCache(0)}
			config.ClientSessionCache = own
			c := s.secure(t, config, version)
			require.True(t, c.retr())
			require.True(t, c.retr())

			others := tls.NewLRUClientSessionCache(0)
			otherConfig := config.Clone()
			otherConfig.ClientSessionCache = others
			other := s.secure(t, otherConfig, version)
			require.True(t, other.retr())

			own.ClientSessionCache = others
			require.False(t, c.retr())
		})
	}
}

// A client that speaks another protocol inside TLS is not let in (ALPACA); one that names none
// is, as most FTP clients do.
func TestALPN(t *testing.T) {
	for _, tt := range []struct {
		offered []string
		chosen  string
		ok      bool
	}{
		{nil, "", true},
		{[]string{"ftp"}, "ftp", true},
		{[]string{"x-filezilla-ftp"}, "x-filezilla-ftp", true},
		{[]string{"x-filezilla-ftp", "ftp"}, "ftp", true},
		{[]string{"http/1.1"}, "", false},
		{[]string{"h2", "http/1.1"}, "", false},
		{[]string{"smtp"}, "", false},
	} {
		s, config := serveTLS(t, ftpproto.TLSImplicit)
		config.NextProtos = tt.offered
		if !tt.ok {
			require.Error(t, s.dial(t, config).StartTLS(0), tt.offered)
			continue
		}
		c := s.secure(t, config, 0)
		require.Equal(t, tt.chosen, c.Control().(*tls.Conn).ConnectionState().NegotiatedProtocol)
		c.start("RETR a.txt")
		require.NoError(t, c.StartDataTLS())
		require.Equal(t, tt.chosen, c.Data().(*tls.Conn).ConnectionState().NegotiatedProtocol)
		_, err := c.ReadDataToEnd()
		require.NoError(t, err)
		c.want("226")
	}
}
