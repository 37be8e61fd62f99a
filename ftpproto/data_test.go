package ftpproto

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

// dataPair returns the server's side of a data connection in clear, and the client's.
func dataPair(ctx context.Context, t *testing.T, stall time.Duration) (*dataConn, *net.TCPConn) {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err := l.AcceptTCP()
	require.NoError(t, err)
	w := &wire{TCPConn: server, stall: stall}
	d := &dataConn{wire: w, stream: w, ctx: ctx, stop: func() bool { return true },
		moved: new(atomic.Int64), spare: newBufferPool()}
	t.Cleanup(func() {
		d.cut()
		client.Close()
	})
	return d, client.(*net.TCPConn)
}

// receive returns what comes to conn until its end.
func receive(conn net.Conn) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(conn)
		got <- b
	}()
	return got
}

func TestDataConnSendsAnything(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcdef"), 3*maxWrite/16+7)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, want, 0o600))
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	for how, src := range map[string]io.Reader{
		"file":      file, // by sendfile
		"writer to": bytes.NewReader(want),
		"reader":    struct{ io.Reader }{bytes.NewReader(want)},
		"trickle":   struct{ io.Reader }{iotest.HalfReader(bytes.NewReader(want))},
	} {
		d, client := dataPair(t.Context(), t, time.Minute)
		got := receive(client)
		n, err := copyData(d, src, d.spare)
		require.NoError(t, err, how)
		require.NoError(t, d.finish(), how)
		require.EqualValues(t, len(want), n, how)
		require.EqualValues(t, len(want), d.moved.Load(), how)
		require.True(t, bytes.Equal(want, <-got), how)
	}
}

// A range of a file ends where it says, and where the file does, and knows what is left of it.
func TestDataConnSendsARange(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 2*maxWrite/16)
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, content, 0o600))
	for _, tt := range []struct{ off, n, want int }{
		{0, 0, 0},
		{0, 1, 1},
		{5, maxWrite, maxWrite},
		{5, maxWrite + 1, maxWrite + 1},
		{0, len(content), len(content)},
		{5, len(content), len(content) - 5},
		{len(content), 1, 0},
	} {
		file, err := os.Open(name)
		require.NoError(t, err)
		_, err = file.Seek(int64(tt.off), io.SeekStart)
		require.NoError(t, err)
		d, client := dataPair(t.Context(), t, time.Minute)
		got := receive(client)
		rest := io.LimitedReader{R: file, N: int64(tt.n)}
		n, err := io.Copy(d, &rest)
		require.NoError(t, err, tt)
		require.NoError(t, d.finish())
		require.EqualValues(t, tt.want, n)
		require.EqualValues(t, tt.n-tt.want, rest.N)
		require.EqualValues(t, tt.want, d.moved.Load())
		require.True(t, bytes.Equal(content[tt.off:tt.off+tt.want], <-got), tt)
		require.NoError(t, file.Close())
	}
}

// A client that takes nothing for the stall limit is given up, whatever is sent and how.
func TestDataConnStalls(t *testing.T) {
	name := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	require.NoError(t, os.Truncate(name, 1<<30))
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	for how, src := range map[string]io.Reader{
		"file":   file,
		"range":  io.LimitReader(file, 1<<29),
		"reader": struct{ io.Reader }{io.LimitReader(zeros{}, 1<<30)},
	} {
		_, err := file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		d, _ := dataPair(t.Context(), t, 50*time.Millisecond)
		_, err = copyData(d, src, d.spare)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded, how)
		code, text := ReplyTo(err, 0, "")
		require.Equal(t, 426, code, how)
		require.Equal(t, "Data connection stalled.", text, how)
		require.Equal(t, err, d.err, how)
	}
	d, _ := dataPair(t.Context(), t, 50*time.Millisecond)
	_, err = d.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// An error of the source is not taken for one of the connection.
func TestDataConnKnowsItsOwnErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	d, client := dataPair(t.Context(), t, time.Minute)
	got := receive(client)
	_, err := copyData(d, io.MultiReader(bytes.NewReader([]byte("begin")), iotest.ErrReader(broken)), d.spare)
	require.ErrorIs(t, err, broken)
	require.NoError(t, d.err)
	d.cut()
	require.Equal(t, "begin", string(<-got))
}

func TestDataConnReset(t *testing.T) {
	d, client := dataPair(t.Context(), t, time.Minute)
	require.NoError(t, client.SetLinger(0))
	require.NoError(t, client.Close())
	_, err := io.Copy(io.Discard, struct{ io.Reader }{d})
	code, _ := ReplyTo(err, 0, "")
	require.Equal(t, 426, code)
	require.False(t, d.wire.ended)
}

// After its context has ended, the cause is what the connection fails of.
func TestDataConnTellsTheCause(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	d, _ := dataPair(ctx, t, time.Minute)
	cancel(errAborted)
	d.cut()
	_, err := d.Read(make([]byte, 1))
	require.ErrorIs(t, err, errAborted)
}

func TestSettleTime(t *testing.T) {
	const ms = time.Millisecond
	for _, tt := range []struct {
		name                   string
		network, took, silence time.Duration
		want                   time.Duration
	}{
		{"a small file at once", 2 * ms, 5 * ms, 0, 2*ms + 100*time.Microsecond},
		{"a second of data", 2 * ms, 1000 * ms, 0, 22 * ms},
		{"silent before its end", 2 * ms, 1000 * ms, 20 * ms, 42 * ms},
		{"a far client", 60 * ms, 300 * ms, 0, 66 * ms},
		{"never too long", 2 * ms, time.Hour, time.Minute, maxSettle},
	} {
		require.Equal(t, tt.want, settleTime(tt.network, tt.took, tt.silence), tt.name)
	}
}

func TestRoundTripSettle(t *testing.T) {
	d, client := dataPair(t.Context(), t, time.Minute)
	settle := roundTripSettle(d.wire.TCPConn)
	require.GreaterOrEqual(t, settle, minSettle)
	require.LessOrEqual(t, settle, maxSettle)
	require.True(t, peerOpen(d.wire.TCPConn))
	require.NoError(t, client.CloseWrite())
	_, err := d.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	if _, _, known := roundTrip(d.wire.TCPConn); known {
		require.False(t, peerOpen(d.wire.TCPConn))
		require.Less(t, settle, maxSettle)
	}
}
