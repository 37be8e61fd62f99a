//go:build !linux || 386 || s390x

package ftpproto

import (
	"net"
	"time"
)

// roundTrip is not known here.
func roundTrip(*net.TCPConn) (rtt, deviation time.Duration, ok bool) { return 0, 0, false }

// peerOpen cannot look past what the session has read.
func peerOpen(*net.TCPConn) bool { return true }

func ackNow(*net.TCPConn) {}
