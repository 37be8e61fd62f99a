package integration

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestEveryStore holds one dialogue with a gateway in front of each kind of store: the client
// cannot tell them apart. -update writes it, from the first kind.
func TestEveryStore(t *testing.T) {
	for i, kind := range lakeKinds {
		t.Run(kind, func(t *testing.T) {
			g := startGateway(t, newLake(t, kind).settings())
			d := &dialogue{rawClient: dialRaw(t, g.FTP, "bench")}
			d.hold(everyStore)
			if *update && i > 0 {
				return
			}
			requireGolden(t, filepath.Join("testdata", "everystore.txt"), d.said.String())
		})
	}
}

// everyStore are the lines of the dialogue: a command, and behind ← the bytes it sends, as
// "text" or the number of bytes of noise. What a command receives is shown below its replies.
//
//nolint:dupword // commands that are repeated
const everyStore = `
STOR small.txt ← "hello "
SIZE small.txt
RETR small.txt
APPE small.txt ← "world"
RETR small.txt
REST 6
RETR small.txt
REST 11
RETR small.txt
REST 12
RETR small.txt
REST 6
STOR small.txt ← "there"
RETR small.txt
REST 3
STOR small.txt ← "!"
RETR small.txt
REST 100
STOR small.txt ← "far behind the end"
RETR small.txt
APPE log.txt ← "first "
APPE log.txt ← "second "
APPE log.txt ← "third"
RETR log.txt
APPE empty.txt ← ""
SIZE empty.txt
RETR empty.txt
STOR large.bin ← 20971521
SIZE large.bin
RETR large.bin
APPE large.bin ← 5
SIZE large.bin
RETR large.bin
REST 20971520
RETR large.bin
REST 9000000
STOR large.bin ← 6000000
SIZE large.bin
RETR large.bin
REST 15000000
STOR large.bin ← 12000000
RETR large.bin
MFMT 20010203040506 small.txt
MDTM small.txt
RETR small.txt
MFMT 20010203040506 large.bin
MDTM large.bin
SIZE large.bin
RNFR large.bin
RNTO deep/er/large.bin
MDTM deep/er/large.bin
SIZE large.bin
RETR deep/er/large.bin
MKD folder
MKD folder
CWD folder
PWD
NLST
STOR with a space & "quotes" %20 ü 日本.txt ← "x"
STOR [M][0@0][0].jpg ← "y"
STOR foobar.txt ← "z"
NLST
CWD ..
MKD folder/foo
RMD folder/foo
RMD folder/foo
RETR folder/foobar.txt
RMD folder
RNFR folder
RNTO renamed
NLST renamed
NLST folder
CWD folder
RNFR renamed
RNTO renamed/into/itself
RNFR renamed
RNTO deep
DELE renamed/foobar.txt
DELE renamed/foobar.txt
DELE renamed
DELE renamed/[M][0@0][0].jpg
DELE renamed/with a space & "quotes" %20 ü 日本.txt
NLST renamed
RMD renamed
CWD renamed
RNFR none
SIZE none
MDTM none
RETR none
CWD none
RMD none
STOR one.txt ← "1"
STOR two.txt ← "2"
RNFR one.txt
RNTO two.txt
RETR two.txt
RETR one.txt
HASH two.txt
NLST
NLST deep
`

// dialogue writes down what a client hears.
type dialogue struct {
	*rawClient
	said strings.Builder
}

func (d *dialogue) hold(lines string) {
	d.t.Helper()
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		command, sent, sends := strings.Cut(strings.TrimSpace(line), " ← ")
		fmt.Fprintf(&d.said, "C: %s\n", strings.TrimSpace(line))
		verb, _, _ := strings.Cut(command, " ")
		switch {
		case sends:
			d.transferred(command, func(data *dataConn) {
				_, err := data.Write(d.bytes(sent))
				require.NoError(d.t, err)
			})
		case verb == "RETR" || verb == "NLST":
			d.transferred(command, d.receiveAll)
		default:
			d.send("%s", command)
			d.hear()
		}
	}
}

// bytes are what the dialogue says are sent.
func (d *dialogue) bytes(sent string) []byte {
	d.t.Helper()
	if text, quoted := strings.CutPrefix(sent, `"`); quoted {
		return []byte(strings.TrimSuffix(text, `"`))
	}
	var size int64
	_, err := fmt.Sscan(sent, &size)
	require.NoError(d.t, err)
	return noise(sent, size)
}

func (d *dialogue) transferred(command string, use func(data *dataConn)) {
	d.t.Helper()
	raw := d.passive()
	d.send("%s", command)
	if d.hear() != 150 {
		require.NoError(d.t, raw.Close())
		return
	}
	data := &dataConn{ReadWriter: raw, raw: raw}
	use(data)
	data.finish(d.t)
	d.hear()
}

func (d *dialogue) receiveAll(data *dataConn) {
	d.t.Helper()
	require.NoError(d.t, data.raw.SetReadDeadline(time.Now().Add(replyDeadline)))
	got, err := io.ReadAll(data)
	require.NoError(d.t, err)
	if len(got) > 1000 || !utf8.Valid(got) {
		fmt.Fprintf(&d.said, "   %d bytes, SHA-256 %s\n", len(got), sumOf(d.t, bytes.NewReader(got)))
		return
	}
	for line := range strings.Lines(string(got)) {
		fmt.Fprintf(&d.said, "   %s\n", strings.TrimRight(line, "\r\n"))
	}
}

// hear writes down one reply, and returns its code.
func (d *dialogue) hear() int {
	d.t.Helper()
	require.NoError(d.t, d.conn.SetReadDeadline(time.Now().Add(replyDeadline)))
	code, text, err := d.text.ReadResponse(0)
	require.NoError(d.t, err)
	fmt.Fprintf(&d.said, "S: %d %s\n", code, figures.ReplaceAllString(text, "…"))
	return code
}

// figures are what differs from run to run in the reply that ends a transfer.
var figures = regexp.MustCompile(`in [0-9.]+ ?[mµ]?s.*|[0-9.]+ [KMG]?i?B/s`)
