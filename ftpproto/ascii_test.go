package ftpproto

import (
	"bytes"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

var textCases = []struct {
	name, wire, stored string
	back               string // what is sent of stored, if it is not wire
}{
	{name: "empty"},
	{name: "lines", wire: "a\r\nb\r\n", stored: "a\nb\n"},
	{name: "no end", wire: "a\r\nb", stored: "a\nb"},
	{name: "only ends", wire: "\r\n\r\n\r\n", stored: "\n\n\n"},
	{name: "bare CR", wire: "a\rb\r", stored: "a\rb\r"},
	{name: "bare LF", wire: "a\nb\n", stored: "a\nb\n", back: "a\r\nb\r\n"},
	{name: "two CR", wire: "a\r\r\nb", stored: "a\r\nb", back: "a\r\nb"},
	{name: "CR at the end", wire: "a\r\n\r", stored: "a\n\r"},
	{name: "many CR", wire: "\r\r\r\r", stored: "\r\r\r\r"},
}

func TestFromText(t *testing.T) {
	for _, tt := range textCases {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, iotest.TestReader(&fromText{src: strings.NewReader(tt.wire)}, []byte(tt.stored)))
			got, err := io.ReadAll(&fromText{src: iotest.OneByteReader(strings.NewReader(tt.wire))})
			require.NoError(t, err)
			require.Equal(t, tt.stored, string(got))
			got, err = io.ReadAll(iotest.OneByteReader(&fromText{src: strings.NewReader(tt.wire)}))
			require.NoError(t, err)
			require.Equal(t, tt.stored, string(got))
		})
	}
}

func TestToText(t *testing.T) {
	for _, tt := range textCases {
		want := tt.wire
		if tt.back != "" {
			want = tt.back
		}
		for size := 2; size < 8; size++ {
			for piece := 1; piece < 4; piece++ {
				var wire bytes.Buffer
				w := &toText{dst: &wire, buf: make([]byte, size)}
				n, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{strings.NewReader(tt.stored)}, make([]byte, piece))
				require.NoError(t, err)
				require.EqualValues(t, len(tt.stored), n)
				require.Equal(t, want, wire.String(), "%s, buffer of %d, pieces of %d", tt.name, size, piece)
			}
		}
	}
}

// Random bytes in random pieces are converted as bytes.ReplaceAll does with all of them.
func TestTextInRandomPieces(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		wire := make([]byte, random.IntN(2000))
		for i := range wire {
			wire[i] = "ab\r\n"[random.IntN(4)]
		}
		r := &fromText{src: randomReader{random, bytes.NewReader(wire)}}
		got, err := io.ReadAll(randomReader{random, r})
		require.NoError(t, err)
		require.Equal(t, string(bytes.ReplaceAll(wire, []byte("\r\n"), []byte("\n"))), string(got))
	}
}

// randomReader reads as much as chance has it.
type randomReader struct {
	random *rand.Rand
	src    io.Reader
}

func (r randomReader) Read(p []byte) (int, error) {
	return r.src.Read(p[:1+r.random.IntN(min(len(p), 100))])
}

func TestFromTextKeepsTheError(t *testing.T) {
	r := &fromText{src: io.MultiReader(strings.NewReader("a\r"), iotest.ErrReader(io.ErrUnexpectedEOF))}
	got, err := io.ReadAll(r)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "a\r", string(got))
}
