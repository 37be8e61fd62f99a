package ftpproto

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// readLines returns all lines of r, its refusals of telnet options, and what ended it.
func readLines(src io.Reader) (lines []line, refused []byte, err error) {
	var r lineReader
	r.refuse = func(option [3]byte) error {
		refused = append(refused, option[:]...)
		return nil
	}
	r.reset(src)
	for {
		l, err := r.next()
		if err != nil {
			return lines, refused, err
		}
		lines = append(lines, l)
	}
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", maxLine-len("STOR "))
	for _, tt := range []struct {
		name    string
		sent    string
		want    []line
		refused string
	}{
		{"one", "NOOP\r\n", []line{{verb: "NOOP"}}, ""},
		{"pipelined", "user bob\r\nPass x y\r\n", []line{{verb: "USER", arg: "bob"}, {verb: "PASS", arg: "x y"}}, ""},
		{"bare LF", "NOOP\nPWD\n", []line{{verb: "NOOP"}, {verb: "PWD"}}, ""},
		{"spaces belong to the name", "LIST  a \r\n", []line{{verb: "LIST", arg: " a "}}, ""},
		{"empty", "\r\n", []line{{}}, ""},
		{"space first", " NOOP\r\n", []line{{arg: "NOOP"}}, ""},
		{"CR NUL is a CR", "MKD a\r\x00b\r\n", []line{{verb: "MKD", arg: "a\rb"}}, ""},
		{"CR NUL LF is a CR LF", "MKD a\r\x00\nb\r\n", []line{{verb: "MKD", arg: "a\r\nb"}}, ""},
		{"CR alone", "MKD a\rb\r\n", []line{{verb: "MKD", arg: "a\rb"}}, ""},
		{"CR before the end", "MKD a\r\r\n", []line{{verb: "MKD", arg: "a\r"}}, ""},
		{"NUL", "MKD a\x00b\r\nNOOP\r\n", []line{{problem: errNUL}, {verb: "NOOP"}}, ""},
		{"doubled IAC", "MKD a\xff\xffb\r\n", []line{{verb: "MKD", arg: "a\xffb"}}, ""},
		{"longest", "STOR " + long + "\r\n", []line{{verb: "STOR", arg: long}}, ""},
		{"longest, bare LF", "STOR " + long + "\n", []line{{verb: "STOR", arg: long}}, ""},
		{"too long", "STOR " + long + "x\r\nNOOP\r\n", []line{{problem: errLineTooLong}, {verb: "NOOP"}}, ""},
		{"too long by a CR", "STOR " + long + "\r\x00\r\nNOOP\r\n", []line{{problem: errLineTooLong}, {verb: "NOOP"}}, ""},
		{"much too long", strings.Repeat("x", 200_000) + "\r\nNOOP\r\n", []line{{problem: errLineTooLong}, {verb: "NOOP"}}, ""},
		{"IP, DM, ABOR", "\xff\xf4\xff\xf2ABOR\r\n", []line{{verb: "ABOR"}}, ""},
		{"DM without its IAC", "\xff\xf4\xf2ABOR\r\n", []line{{verb: "ABOR"}}, ""},
		{"WILL and DO are refused", "NO\xff\xfb\x01\xff\xfd\x03OP\r\n", []line{{verb: "NOOP"}}, "\xff\xfe\x01\xff\xfc\x03"},
		{"WONT and DONT need no answer", "\xff\xfc\x01\xff\xfe\x03NOOP\r\n", []line{{verb: "NOOP"}}, ""},
		{"subnegotiation", "\xff\xfa\x18a\r\n\xff\xff\xff\xf0NOOP\r\n", []line{{verb: "NOOP"}}, ""},
		{"telnet inside of a line end", "NOOP\r\xff\xf1\n", []line{{verb: "NOOP"}}, ""},
		{"no end", "NOOP\r\nNOO", []line{{verb: "NOOP"}}, ""},
	} {
		for how, src := range map[string]io.Reader{
			"at once":      strings.NewReader(tt.sent),
			"byte by byte": iotest.OneByteReader(strings.NewReader(tt.sent)),
			"woken":        &wokenReader{src: iotest.HalfReader(strings.NewReader(tt.sent))},
		} {
			t.Run(tt.name+", "+how, func(t *testing.T) {
				var lines []line
				var refused []byte
				var r lineReader
				r.refuse = func(option [3]byte) error {
					refused = append(refused, option[:]...)
					return nil
				}
				r.reset(src)
				for {
					l, err := r.next()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						require.ErrorIs(t, err, os.ErrDeadlineExceeded)
						continue
					}
					lines = append(lines, l)
				}
				require.Equal(t, tt.want, lines)
				require.Equal(t, tt.refused, string(refused))
			})
		}
	}
}

// wokenReader runs into a deadline before each read, as a transfer's end wakes its session.
type wokenReader struct {
	src   io.Reader
	woken bool
}

func (r *wokenReader) Read(p []byte) (int, error) {
	if r.woken = !r.woken; r.woken {
		return 0, os.ErrDeadlineExceeded
	}
	return r.src.Read(p)
}

func TestLineReaderGivesUp(t *testing.T) {
	for name, sent := range map[string]string{
		"line without end":              strings.Repeat("x", maxLineFlood+1),
		"telnet without end":            strings.Repeat("\xff\xf1", maxLineFlood/2+1),
		"subnegotiation without end":    "\xff\xfa" + strings.Repeat("x", maxLineFlood),
		"negotiation without end":       strings.Repeat("\xff\xfb\x01", maxNegotiations+1),
		"negotiation between the lines": strings.Repeat("\xff\xfb\x01", maxNegotiations) + "NOOP\r\n" + strings.Repeat("\xff\xfb\x01", maxNegotiations+1),
	} {
		t.Run(name, func(t *testing.T) {
			_, refused, err := readLines(strings.NewReader(sent))
			require.ErrorIs(t, err, errFlood)
			require.LessOrEqual(t, len(refused), 2*3*maxNegotiations)
		})
	}
}

func TestLineReaderKeepsNoLongLine(t *testing.T) {
	var r lineReader
	r.reset(strings.NewReader("STOR " + strings.Repeat("x", 3000) + "\r\n"))
	_, err := r.next()
	require.NoError(t, err)
	require.Zero(t, cap(r.text))
}

// AUTH must know of every byte that came behind it.
func TestLineReaderUnread(t *testing.T) {
	for sent, want := range map[string]bool{
		"AUTH TLS\r\n":         false,
		"AUTH TLS\r\nN":        true,
		"AUTH TLS\r\nNOOP\r\n": true,
	} {
		var r lineReader
		r.reset(strings.NewReader(sent))
		_, err := r.next()
		require.NoError(t, err)
		require.Equal(t, want, r.unread(), sent)
	}
	// Half a line that was read while something else was going on.
	var r lineReader
	r.reset(&wokenReader{src: strings.NewReader("NOO"), woken: true})
	_, err := r.next()
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.True(t, r.unread())
}

func FuzzLineReader(f *testing.F) {
	f.Add([]byte("USER bob\r\n\xff\xf4\xff\xf2ABOR\r\n"))
	f.Add([]byte("MKD a\r\x00b\xff\xff\x00\r\n\xff\xfa\x01\xff\xf0x"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		whole, refused, _ := readLines(bytes.NewReader(sent))
		pieces, refusedToo, _ := readLines(iotest.OneByteReader(bytes.NewReader(sent)))
		require.Equal(t, whole, pieces)
		require.Equal(t, refused, refusedToo)
		for _, l := range whole {
			require.LessOrEqual(t, len(l.verb)+len(l.arg), maxLine)
			require.NotContains(t, l.verb+l.arg, "\x00")
		}
	})
}
