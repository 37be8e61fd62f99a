package ftpproto_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
)

// Those who connect and say nothing do not keep out those who log in.
func TestSilentConnections(t *testing.T) {
	const silent = 1000
	s := serve(t, newFS(), ftpproto.Options{MaxSessionsPerAddress: 2 * silent}, ftpproto.ListenerOptions{})
	for range silent {
		conn, err := net.Dial("tcp", s.address)
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
	}
	began := time.Now()
	s.login(t)
	require.Less(t, time.Since(began), time.Second)
}

// An idle session costs one goroutine.
func TestIdleSessionsAreCheap(t *testing.T) {
	const sessions = 50
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{})
	s.login(t)
	before := runtime.NumGoroutine()
	for range sessions {
		c := s.login(t)
		c.put("a.txt", []byte("hello"))
		c.cmd("EPSV", "229")
		c.cmd("ABOR", "225")
	}
	// The goroutine of a transfer has answered a moment before it ends. One more counts here.
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+sessions+1 },
		10*time.Second, time.Millisecond, "more than one goroutine for each session")
}

// The time for a login does not begin anew with each byte.
func TestTrickledLogin(t *testing.T) {
	const limit = 200 * time.Millisecond
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{
		Timeouts: ftpproto.Timeouts{Login: limit, Idle: time.Hour},
	})
	c := s.connect(t)
	began := time.Now()
	over := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(limit / 20)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			case <-tick.C:
				if c.Send([]byte("NOOP\r\n"[i%6:][:1])) != nil {
					return
				}
			}
		}
	})
	for {
		lines, err := c.ReadReply()
		require.NoError(t, err)
		if strings.HasPrefix(lines[0], "421") {
			break
		}
		require.Equal(t, "200 OK.", lines[0])
		require.Less(t, time.Since(began), 20*limit)
	}
	close(over)
	wg.Wait()
}

// A client that asks and asks, and takes no answer, is not waited for.
func TestRepliesThatNobodyReads(t *testing.T) {
	s := serve(t, newFS(), ftpproto.Options{}, ftpproto.ListenerOptions{
		Timeouts: ftpproto.Timeouts{Reply: 100 * time.Millisecond},
	})
	c := s.login(t)
	questions := bytes.Repeat([]byte("HELP\r\n"), 1000)
	var err error
	for began := time.Now(); err == nil; {
		require.Less(t, time.Since(began), 10*time.Second)
		err = c.Send(questions)
	}
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// Masks that make a matcher try again and again cost no more than others.
func TestMasksThatExplode(t *testing.T) {
	fs := newFS()
	for i := range 200 {
		fs.AddFile(fmt.Sprintf("/%s%d", strings.Repeat("a", 200), i), nil, time.Time{})
	}
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	c := s.login(t)
	for _, mask := range []string{
		strings.Repeat("a*", 100) + "b",
		strings.Repeat("*a", 100) + "*b",
		strings.Repeat("*", 2000) + "b",
		strings.Repeat("[a-z]*", 500) + "!",
		strings.Repeat("?*", 1000) + "!",
		"[" + strings.Repeat("a-z", 1000) + "]*!",
	} {
		began := time.Now()
		c.cmd("EPSV", "229")
		require.NoError(t, c.Connect(""))
		c.send("NLST " + mask)
		lines, err := c.ReadReply()
		require.NoError(t, err)
		if strings.HasPrefix(lines[0], "150") {
			names, err := c.ReadDataToEnd()
			require.NoError(t, err)
			require.Empty(t, names)
			c.want("226")
		} else {
			require.Contains(t, lines[0], "550 ") // the server has counted its steps and given up
		}
		require.Less(t, time.Since(began), 5*time.Second, mask)
	}
}

// What clients send cannot forge a line of the log.
func TestLogLinesCannotBeForged(t *testing.T) {
	const forged = "x\r\x00\nlevel=INFO msg=login user=root\x1b[2J"
	var log lockedBuffer
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{
		Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}, ftpproto.ListenerOptions{})
	c := s.connect(t)
	c.cmd("USER "+forged, "331")
	c.cmd("PASS "+forged, "530")
	c.login()
	c.cmd(forged, "500")
	c.cmd("MKD "+forged, "257")
	c.cmd("CWD "+forged, "250")
	c.put(forged, []byte("hello"))
	c.cmd("QUIT", "221")
	require.NoError(t, c.ReadEnd())
	c.Close()
	require.NoError(t, s.Shutdown(t.Context()))
	text := log.String()
	require.Contains(t, text, "level=INFO msg=login user=root") // it was logged
	for line := range strings.Lines(text) {
		require.True(t, strings.HasPrefix(line, "time="), line)
	}
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "secret")
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
