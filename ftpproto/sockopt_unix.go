//go:build unix

package ftpproto

import (
	"net"
	"syscall"
)

// urgentInline leaves urgent bytes in the stream. Clients send ABOR, or its telnet prelude, as
// urgent data; taken out of the stream, a byte of the command itself would be lost.
func urgentInline(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
			})
		}
	}
}

// sharePort lets many data connections come from one local port.
func sharePort(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
