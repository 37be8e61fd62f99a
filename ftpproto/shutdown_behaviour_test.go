package ftpproto_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
)

// Shutdown sends idle sessions away and lets a running transfer finish.
func TestShutdownDrains(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	idle, fresh, busy := s.login(t), s.connect(t), s.login(t)
	busy.start("STOR a.txt")
	require.NoError(t, busy.WriteData([]byte("hel")))

	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	idle.want("421")
	require.NoError(t, idle.ReadEnd())
	fresh.want("421")
	require.NoError(t, fresh.ReadEnd())
	late := s.dial(t, nil)
	late.want("421")
	require.Empty(t, done)

	busy.cmd("NOOP", "200")
	require.NoError(t, busy.WriteData([]byte("lo")))
	require.NoError(t, busy.CloseData())
	busy.want("226")
	busy.want("421")
	require.NoError(t, busy.ReadEnd())
	for _, c := range []client{idle, fresh, late, busy} {
		c.Close()
	}
	require.NoError(t, <-done)
	require.Equal(t, []string{`/a.txt "hello"`}, fs.Tree())
}

// When the time for draining is over, what still runs is cut and leaves nothing.
func TestShutdownOutOfTime(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	idle, busy := s.login(t), s.login(t)
	busy.start("STOR a.txt")
	require.NoError(t, busy.WriteData([]byte("hel")))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	idle.want("421")
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.NoError(t, busy.WaitGone())
	require.Empty(t, fs.Tree())
	require.Empty(t, fs.Problems())
}

// Close cuts everything at once, and what follows hears that the server is closed.
func TestClose(t *testing.T) {
	fs := newFS()
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	idle, busy := s.login(t), s.login(t)
	busy.start("STOR a.txt")
	require.NoError(t, busy.WriteData([]byte("hel")))
	require.NoError(t, s.Close())
	require.NoError(t, idle.WaitGone())
	require.NoError(t, busy.WaitGone())
	require.Empty(t, fs.Tree())
	require.Empty(t, fs.Problems())
	require.NoError(t, s.Close())
	require.NoError(t, s.Shutdown(t.Context()))
}
