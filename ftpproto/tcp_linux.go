//go:build linux && !386 && !s390x

package ftpproto

import (
	"net"
	"syscall"
	"time"
	"unsafe"
)

// tcpInfo asks the kernel about conn (TCP_INFO, tcp(7)).
func tcpInfo(conn *net.TCPConn) (info syscall.TCPInfo, ok bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return info, false
	}
	size := uint32(unsafe.Sizeof(info))
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0) //nolint:gosec // what the system call takes
	})
	return info, err == nil && errno == 0
}

// roundTrip returns the smoothed round-trip time of conn and its mean deviation.
func roundTrip(conn *net.TCPConn) (rtt, deviation time.Duration, ok bool) {
	info, ok := tcpInfo(conn)
	return time.Duration(info.Rtt) * time.Microsecond, time.Duration(info.Rttvar) * time.Microsecond, ok
}

// peerOpen reports whether the kernel has seen neither FIN nor RST from conn's peer.
func peerOpen(conn *net.TCPConn) bool {
	const established = 1 // TCP_ESTABLISHED
	info, ok := tcpInfo(conn)
	return !ok || info.State == established
}

// ackNow acknowledges what has come, and what comes next, without delay. A client that leaves
// Nagle's algorithm on holds its first bytes back until the end of its TLS handshake is
// acknowledged, which the kernel would put off for 40 ms.
func ackNow(conn *net.TCPConn) {
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
		})
	}
}
