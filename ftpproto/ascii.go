package ftpproto

import (
	"bytes"
	"io"
)

var crlf = []byte("\r\n")

// fromText reads the lines of TYPE A, which end in CR LF on the wire, as stored ones that end in
// LF. A CR or an LF that stands alone is kept.
type fromText struct {
	src   io.Reader
	cr    bool // a CR was read whose next byte was not
	err   error
	small [64]byte // for callers with less room than a conversion takes
	rest  []byte   // of small
}

func (r *fromText) Read(p []byte) (int, error) {
	const room = 2 // for a CR that was kept back, and the byte that shows what it is
	if len(p) >= room && len(r.rest) == 0 {
		return r.convert(p)
	}
	if len(r.rest) == 0 {
		n, err := r.convert(r.small[:])
		if n == 0 {
			return 0, err
		}
		r.rest = r.small[:n]
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// convert fills p, which has room for 2 bytes, with what one or more reads give.
func (r *fromText) convert(p []byte) (int, error) {
	for r.err == nil {
		kept := 0
		if r.cr {
			p[0], kept = '\r', 1
		}
		var n int
		n, r.err = r.src.Read(p[kept:])
		if n == 0 {
			continue
		}
		p := p[:kept+n]
		if r.cr = p[len(p)-1] == '\r'; r.cr {
			p = p[:len(p)-1]
		}
		if n = dropCRs(p); n > 0 {
			return n, nil
		}
	}
	if r.cr {
		r.cr = false
		p[0] = '\r'
		return 1, nil
	}
	return 0, r.err
}

// dropCRs makes LF of each CR LF in place, and returns how long p is then.
func dropCRs(p []byte) int {
	to := bytes.Index(p, crlf)
	if to < 0 {
		return len(p)
	}
	for from := to + 1; from < len(p); {
		end := len(p)
		if i := bytes.Index(p[from:], crlf); i >= 0 {
			end = from + i
		}
		to += copy(p[to:], p[from:end])
		from = end + 1
	}
	return to
}

// toText writes stored lines with the line ends of TYPE A: a CR is put before each LF that has
// none.
type toText struct {
	dst io.Writer
	buf []byte // 2 bytes at the least
	cr  bool   // the last byte was a CR
}

func (w *toText) Write(p []byte) (int, error) {
	var written int
	for written < len(p) {
		n, used := w.convert(p[written:])
		if _, err := w.dst.Write(w.buf[:n]); err != nil {
			return written, err
		}
		written += used
	}
	return written, nil
}

// convert fills buf from p. It returns the bytes in buf and how many of p they are.
func (w *toText) convert(p []byte) (n, used int) {
	for used < len(p) && n < len(w.buf)-1 {
		run := p[used:]
		end := bytes.IndexByte(run, '\n')
		if end == 0 {
			if !w.cr {
				w.buf[n] = '\r'
				n++
			}
			w.buf[n] = '\n'
			n++
			used++
			w.cr = false
			continue
		}
		if end > 0 {
			run = run[:end]
		}
		copied := copy(w.buf[n:len(w.buf)-1], run)
		n += copied
		used += copied
		w.cr = run[copied-1] == '\r'
	}
	return n, used
}
