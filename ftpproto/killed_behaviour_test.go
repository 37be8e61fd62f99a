package ftpproto_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/ftpproto"
	"github.com/tidegate/tidegate/ftpproto/ftptest"
)

// A killed client's kernel closes both connections at one moment, and the one with the data may
// be the first: that FIN alone looks like the end of a good upload.
func TestKilledClientDataFirst(t *testing.T) {
	const (
		trials = 30
		moment = 300 * time.Microsecond // a kernel takes less to close two connections
	)
	fs := newFS()
	old := ftptest.Pattern(0, 1000)
	fs.AddFile("/a.bin", old, time.Time{})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	for counted, tried := 0, 0; counted < trials; tried++ {
		require.Less(t, tried, 100*trials, "this machine is too slow to play a kernel")
		before := fs.Tree()
		c := s.login(t)
		c.start("STOR a.bin")
		require.NoError(t, c.WriteData([]byte("300 of 1000 bytes")))
		began := time.Now()
		require.NoError(t, c.CloseData())
		require.NoError(t, c.Control().Close())
		if time.Since(began) > moment {
			// The test was held up between the two: no kernel does that.
			waitForSessions(t, fs)
			fs.AddFile("/a.bin", old, time.Time{})
			continue
		}
		counted++
		waitForSessions(t, fs)
		require.Equal(t, before, fs.Tree())
	}
}

// waitForSessions waits until the server has ended all sessions.
func waitForSessions(t *testing.T, fs *ftptest.FS) {
	t.Helper()
	require.Eventually(t, func() bool { return len(fs.Problems()) == 0 }, 10*time.Second, time.Millisecond)
}

// Clients abort, leave and vanish at random points of uploads, downloads and listings. No upload
// is there that is not whole, and nothing is left open.
func TestInterruptsAtRandomPoints(t *testing.T) {
	const (
		workers = 4
		rounds  = 100
		size    = 200_000
	)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	whole := ftptest.Pattern(0, size)
	fs := newFS()
	fs.AddFile("/down.bin", whole, time.Time{})
	s := serve(t, fs, ftpproto.Options{}, ftpproto.ListenerOptions{})
	var wg sync.WaitGroup
	for worker := range workers {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for round := range rounds {
				interrupted(random, s.address, fmt.Sprintf("up-%d-%d.bin", worker, round), whole)
			}
		})
	}
	wg.Wait()
	require.NoError(t, s.Shutdown(t.Context()))
	uploads := 0
	for _, name := range fs.Names() {
		data, _ := fs.Data(name)
		require.True(t, bytes.Equal(whole, data), "%s has %d bytes of %d", name, len(data), size)
		uploads++
	}
	t.Logf("%d of %d transfers left a file", uploads-1, workers*rounds)
}

// interrupted is a client with one transfer. What it does fails where the server has gone
// already, so errors are not looked at.
func interrupted(random *rand.Rand, address, name string, whole []byte) {
	c, err := ftptest.Dial(address, nil)
	if err != nil {
		return
	}
	defer c.Close()
	_ = c.Send([]byte("USER bob\r\nPASS secret\r\nTYPE I\r\nEPSV\r\n"))
	for range 5 { // and the greeting
		_, _ = c.ReadReply()
	}
	if c.Connect("") != nil {
		return
	}
	upload := random.IntN(2) == 0
	commands := []string{"RETR /down.bin", "LIST", "NLST", "MLSD"}
	command := commands[random.IntN(len(commands))]
	if upload {
		command = "STOR " + name
	}
	_ = c.Send([]byte(command + "\r\n"))
	if random.IntN(2) == 0 {
		_, _ = c.ReadReply()
	}
	part := whole[:random.IntN(len(whole))]
	if upload {
		_ = c.WriteData(part)
	}
	switch random.IntN(7) {
	case 0:
		_ = c.Send([]byte("ABOR\r\n"))
	case 1:
		_ = c.Send([]byte("\xff\xf4\xff\xf2ABOR\r\nNOOP\r\n"))
	case 2:
		_ = c.Send([]byte("STAT\r\nABOR\r\nQUIT\r\n"))
	case 3:
		_ = c.ResetData()
	case 4:
		_ = c.Reset()
		return
	case 5:
		_ = c.Control().Close()
		return
	case 6: // it goes on, and REIN and QUIT wait for the end of the transfer
		_ = c.Send([]byte("REIN\r\nQUIT\r\n"))
		if upload {
			_ = c.WriteData(whole[len(part):])
			_ = c.CloseData()
		} else {
			_ = c.WaitDataGone()
		}
	}
	_, _ = c.ReadReply()
}
