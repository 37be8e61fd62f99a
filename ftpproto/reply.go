package ftpproto

import (
	"net"
	"strconv"
	"sync"
	"time"
)

// reply is the answer to one command. A handler returns it; only session.send writes it.
type reply struct {
	code  int
	text  string
	lines []string     // nil, or what stands between the first line and the last, which is "End"
	then  func() error // nil, or what is to be done once the reply is sent; an error ends the session
}

// replyWriter writes replies to the control connection. A session and its transfer share it.
type replyWriter struct {
	mu      sync.Mutex
	conn    net.Conn
	timeout time.Duration // for the client to take each write
}

// send writes r as RFC 959 §4.2 has it.
func (w *replyWriter) send(r reply) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r.lines == nil {
		return w.write(appendReplyLine(nil, r.code, ' ', r.text))
	}
	b := appendReplyLine(nil, r.code, '-', r.text)
	for _, text := range r.lines {
		if text != "" && text[0] >= '0' && text[0] <= '9' {
			b = append(b, ' ') // or it could pass for the last line
		}
		b = append(appendReplyText(b, text), crlf...)
	}
	return w.write(appendReplyLine(b, r.code, ' ', "End"))
}

// sendRaw writes telnet, which is no reply.
func (w *replyWriter) sendRaw(b []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.write(b)
}

func (w *replyWriter) write(b []byte) error {
	w.conn.SetWriteDeadline(time.Now().Add(w.timeout))
	_, err := w.conn.Write(b)
	return err
}

// use goes on with another connection: TLS on top of the old one, or the old one again.
func (w *replyWriter) use(conn net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conn = conn
}

func appendReplyLine(b []byte, code int, separator byte, text string) []byte {
	b = strconv.AppendInt(b, int64(code), 10)
	b = append(b, separator)
	return append(appendReplyText(b, text), crlf...)
}

// appendReplyText appends text for the control connection: printable, and with 0xFF doubled,
// since alone it begins a telnet command.
func appendReplyText(b []byte, text string) []byte {
	for i := range len(text) {
		c := printable(text[i])
		b = append(b, c)
		if c == telnetIAC {
			b = append(b, telnetIAC)
		}
	}
	return b
}

// printable returns c, or "?" for a control byte. A name with a line end in it must not be able
// to forge a reply or an entry of a listing.
func printable(c byte) byte {
	if c < ' ' || c == 0x7f {
		return '?'
	}
	return c
}
