package ftpproto

import (
	"errors"
	"io"
	"strings"
)

// Limits of what a client may send on the control connection.
const (
	// maxLine is the longest command line, without its end: a pathname of PATH_MAX and more.
	maxLine = 4 << 10
	// maxLineFlood is how much of an overlong line, telnet commands included, is read through in
	// search of its end before the client is given up.
	maxLineFlood = 1 << 20
	// maxNegotiations bounds the telnet options refused in one line, since each costs a write.
	maxNegotiations = 64
	// lineBuffer is what an idle session holds to read into: most command lines are shorter.
	lineBuffer = 512
)

var errFlood = errors.New("endless command line or telnet negotiation")

// line is one command as the client sent it.
type line struct {
	verb    string // in upper case
	arg     string // all that follows the one space behind the verb
	problem *Error // set if the line cannot be a command
}

var (
	errLineTooLong = NewError(500, "Command line too long.", nil)
	errNUL         = NewError(501, "NUL is not allowed in a command.", nil)
)

// lineReader splits the control connection into lines and takes the telnet out of it
// (RFC 854, RFC 1123 §4.1.2.12). A read that fails in the middle of a line loses nothing: the
// next call goes on, so that a deadline may wake the session at any time.
type lineReader struct {
	src    io.Reader
	refuse func(option [3]byte) error // writes a telnet refusal

	buf      [lineBuffer]byte
	pos, end int // buf[pos:end] is read but not looked at

	telnet       telnetState
	negotiations int

	text    []byte // of the line so far, maxLine at the most
	last    textState
	problem *Error
	raw     int // bytes read for this line
}

type telnetState int

const (
	telnetNone telnetState = iota
	telnetCommand
	telnetWill // an option byte follows
	telnetDo
	telnetOption // the same, and needs no answer
	telnetSub
	telnetSubCommand
)

// The telnet bytes that matter here (RFC 854).
const (
	telnetSE   = 240
	telnetDM   = 242
	telnetIP   = 244
	telnetSB   = 250
	telnetWILL = 251
	telnetWONT = 252
	telnetDO   = 253
	telnetDONT = 254
	telnetIAC  = 255
)

// textState is what came last in the text, for what CR means depends on the byte behind it.
type textState int

const (
	textOther textState = iota
	textCR
	textCRNUL // a CR of a pathname (RFC 2640 §3.1)
)

// reset goes on with another source and forgets what was read of the old one.
func (r *lineReader) reset(src io.Reader) {
	*r = lineReader{src: src, refuse: r.refuse}
}

// unread reports whether bytes behind the last line have been read already.
func (r *lineReader) unread() bool { return r.pos < r.end || r.raw > 0 }

// next returns the next line.
func (r *lineReader) next() (line, error) {
	for {
		for r.pos < r.end {
			b := r.buf[r.pos]
			r.pos++
			if r.raw++; r.raw > maxLineFlood {
				return line{}, errFlood
			}
			if isText, err := r.untelnet(b); err != nil {
				return line{}, err
			} else if isText && r.take(b) {
				return r.finish(), nil
			}
		}
		n, err := r.src.Read(r.buf[:])
		r.pos, r.end = 0, n
		if n == 0 && err != nil {
			return line{}, err
		}
	}
}

// untelnet reports whether b is text, and handles it if it is telnet.
func (r *lineReader) untelnet(b byte) (isText bool, err error) {
	state := r.telnet
	r.telnet = telnetNone
	switch state {
	case telnetNone:
		if b == telnetIAC {
			r.telnet = telnetCommand
			return false, nil
		}
		return true, nil
	case telnetCommand:
		switch b {
		case telnetIAC:
			return true, nil
		case telnetWILL:
			r.telnet = telnetWill
		case telnetDO:
			r.telnet = telnetDo
		case telnetWONT, telnetDONT:
			r.telnet = telnetOption
		case telnetSB:
			r.telnet = telnetSub
		}
	case telnetWill:
		return false, r.refuseOption(telnetDONT, b)
	case telnetDo:
		return false, r.refuseOption(telnetWONT, b)
	case telnetSub:
		r.telnet = telnetSub
		if b == telnetIAC {
			r.telnet = telnetSubCommand
		}
	case telnetSubCommand:
		if b != telnetSE {
			r.telnet = telnetSub
		}
	}
	return false, nil
}

func (r *lineReader) refuseOption(answer, option byte) error {
	if r.negotiations++; r.negotiations > maxNegotiations {
		return errFlood
	}
	return r.refuse([3]byte{telnetIAC, answer, option})
}

// take adds b to the text and reports whether it ends the line. A lone LF ends it too, as
// clients without telnet send it, but not behind a CR NUL: that is a pathname with a CR LF.
func (r *lineReader) take(b byte) (end bool) {
	last := r.last
	r.last = textOther
	switch {
	case b == '\n' && last == textCR:
		if r.problem == nil {
			r.text = r.text[:len(r.text)-1]
		}
		return true
	case b == '\n' && last == textOther:
		return true
	case b == 0 && last == textCR:
		r.last = textCRNUL
		return false
	case b == 0:
		r.fail(errNUL)
		return false
	case b == '\r':
		r.last = textCR
	case (b == telnetDM || b == telnetIP) && len(r.text) == 0:
		// A stack that takes the urgent byte out of the stream leaves the telnet
		// command before ABOR without its IAC. No verb begins so.
		return false
	}
	if r.problem == nil {
		r.text = append(r.text, b)
		// The CR of the line end may be one more.
		if len(r.text) > maxLine+1 || len(r.text) > maxLine && b != '\r' {
			r.fail(errLineTooLong)
		}
	}
	return false
}

func (r *lineReader) fail(problem *Error) {
	r.problem = problem
	r.text = r.text[:0]
}

// finish returns the line that is complete and makes ready for the next one.
func (r *lineReader) finish() line {
	l := line{problem: r.problem}
	if l.problem == nil && len(r.text) > maxLine {
		l.problem = errLineTooLong
	}
	if l.problem == nil {
		l.verb, l.arg, _ = strings.Cut(string(r.text), " ")
		l.verb = strings.ToUpper(l.verb)
	}
	if cap(r.text) > lineBuffer {
		r.text = nil // an idle session keeps no long line
	}
	r.text, r.problem, r.raw, r.negotiations = r.text[:0], nil, 0, 0
	return l
}
