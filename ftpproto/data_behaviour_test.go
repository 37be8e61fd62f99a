package ftpproto_test

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// Below the ports that the kernel gives out by itself, so that other tests do not get in between.
const minTestPort, maxTestPort = 20_000, 29_999

var epsvPort = regexp.MustCompile(`\|\|\|(\d+)\|`)

// epsv returns the port of a new passive listener.
func (c client) epsv() int {
	c.t.Helper()
	port, err := strconv.Atoi(epsvPort.FindStringSubmatch(c.cmd("EPSV", "229"))[1])
	require.NoError(c.t, err)
	return port
}

func isOpen(port int) bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 5*time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

func freePort(t *testing.T) int {
	t.Helper()
	for port := minTestPort; port <= maxTestPort; port++ {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

func TestPassiveListenersDoNotPileUp(t *testing.T) {
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{
		Passive: ftpproto.PassiveOptions{MinPort: minTestPort, MaxPort: maxTestPort},
	})
	c := s.login(t)
	seen := map[int]bool{}
	var last int
	for range 20 {
		last = c.epsv()
		require.GreaterOrEqual(t, last, minTestPort)
		require.LessOrEqual(t, last, maxTestPort)
		seen[last] = true
	}
	require.Greater(t, len(seen), 10, "ports are not random")
	for port := range seen {
		require.Equal(t, port == last, isOpen(port), "port %d", port)
	}
	c.cmd("QUIT", "221")
	require.NoError(t, c.ReadEnd())
	require.False(t, isOpen(last), "the listener outlives its session")
}

func TestPassivePortsUsedUp(t *testing.T) {
	port := freePort(t)
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{
		Passive: ftpproto.PassiveOptions{MinPort: port, MaxPort: port},
	})
	one, two := s.login(t), s.login(t)
	require.Equal(t, port, one.epsv())
	two.cmd("EPSV", "425")
	two.cmd("PASV", "425")
	// Its own port is no hindrance to a session.
	require.Equal(t, port, one.epsv())
	one.cmd("QUIT", "221")
	require.NoError(t, one.ReadEnd())
	require.Equal(t, port, two.epsv())
}

// A port that nobody uses is not held for as long as the client says NOOP.
func TestPassivePortLapses(t *testing.T) {
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{
		Timeouts: ftpproto.Timeouts{DataOpen: 50 * time.Millisecond},
	})
	c := s.login(t)
	port := c.epsv()
	require.Eventually(t, func() bool { return !isOpen(port) }, 10*time.Second, 5*time.Millisecond)
	c.cmd("LIST", "150")
	c.want("425")
	c.epsv()
}

func TestActiveFromConfiguredPort(t *testing.T) {
	port := freePort(t)
	fs := newFS()
	fs.AddFile("/a.txt", []byte("hello"), time.Time{})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{ActiveSourcePort: port})
	// Two at once, and one after the other.
	one, two := s.login(t), s.login(t)
	for range 2 {
		for _, c := range []client{one, two} {
			own, err := c.Listen()
			require.NoError(t, err)
			c.cmd(fmt.Sprintf("EPRT |1|127.0.0.1|%d|", own.Port()), "200")
			c.cmd("RETR a.txt", "150")
		}
		for _, c := range []client{one, two} {
			require.NoError(t, c.Accept())
			require.Equal(t, port, c.Data().RemoteAddr().(*net.TCPAddr).Port)
			data, err := c.ReadDataToEnd()
			require.NoError(t, err)
			require.Equal(t, "hello", string(data))
			c.want("226")
		}
	}
}

// An upload in the smallest pieces is neither lost nor slow to end.
func TestTrickledUpload(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	c.start("STOR a.bin") // in ASCII, where a CR may be the end of one piece
	want := []byte{}
	for i := range 501 {
		piece := []byte{'x', '\r', '\n'}[i%3]
		require.NoError(t, c.WriteData([]byte{piece}))
		if piece != '\r' {
			want = append(want, piece)
		}
	}
	require.NoError(t, c.CloseData())
	c.want("226")
	got, _ := fs.Data("/a.bin")
	require.Equal(t, string(want), string(got))
}

// Many sessions transfer at once, and nobody gets the bytes of another.
func TestParallelTransfers(t *testing.T) {
	const sessions = 20
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	for i := range sessions {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			c := s.login(t)
			c.cmd("TYPE I", "200")
			name := fmt.Sprintf("%d.bin", i)
			data := ftptest.Pattern(i*1000, i*1000+200_000)
			c.put(name, data)
			c.start("RETR " + name)
			got, err := c.ReadDataToEnd()
			require.NoError(t, err)
			require.Equal(t, data, got)
			c.want("226")
		})
	}
}

// On a dual-stack listener a client that comes by IPv4 has an IPv4 session.
func TestDualStack(t *testing.T) {
	fs := newFS()
	fs.AddFile("/a.txt", []byte("hello"), time.Time{})
	s := serveAt(t, "[::]:0", fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	_, port, err := net.SplitHostPort(s.address)
	require.NoError(t, err)
	for _, tt := range []struct{ host, pasv, eprt string }{
		{"127.0.0.1", "227", "EPRT |1|127.0.0.1|%d|"},
		{"::1", "425", "EPRT |2|::1|%d|"},
	} {
		s.address = net.JoinHostPort(tt.host, port)
		c := s.login(t)
		c.cmd("PASV", tt.pasv)
		c.start("RETR a.txt")
		data, err := c.ReadDataToEnd()
		require.NoError(t, err)
		require.Equal(t, "hello", string(data))
		c.want("226")
		own, err := c.Listen()
		require.NoError(t, err)
		c.cmd(fmt.Sprintf(tt.eprt, own.Port()), "200")
		c.cmd("RETR a.txt", "150")
		require.NoError(t, c.Accept())
		data, err = c.ReadDataToEnd()
		require.NoError(t, err)
		require.Equal(t, "hello", string(data))
		c.want("226")
	}
}
