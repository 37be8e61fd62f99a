package ftpproto_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
)

// sendUrgent sends text with its last byte marked as urgent.
func (c client) sendUrgent(text string) {
	c.t.Helper()
	conn, ok := c.Control().(interface {
		SyscallConn() (syscall.RawConn, error)
	})
	require.True(c.t, ok)
	raw, err := conn.SyscallConn()
	require.NoError(c.t, err)
	var sendErr error
	require.NoError(c.t, raw.Write(func(fd uintptr) bool {
		sendErr = syscall.Sendto(int(fd), []byte(text), syscall.MSG_OOB, nil)
		return sendErr != syscall.EAGAIN
	}))
	require.NoError(c.t, sendErr)
}

// RFC 959 §4.1.3 and RFC 854: a client marks the DM of its Telnet Synch as urgent. Clients differ
// in which byte they mark, and systems in whether they take it out of the stream.
func TestUrgentSignals(t *testing.T) {
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	for _, synch := range []struct{ urgent, after string }{
		{"\xff\xf4\xff\xf2", ""},
		{"\xff\xf4\xff", "\xf2"},
		{"\xff\xf4", ""},
		{"\xf2", ""}, // its IAC was lost on the way
	} {
		c.start("STOR a.txt")
		require.NoError(t, c.WriteData([]byte("hello")))
		c.sendUrgent(synch.urgent)
		c.cmd(synch.after+"ABOR", "426")
		c.want("226")
		c.sendUrgent(synch.urgent)
		c.cmd(synch.after+"STAT", "211")
	}
	c.sendUrgent("\xff\xf4\xff\xf2")
	c.cmd("QUIT", "221")
	require.NoError(t, c.ReadEnd())
}
