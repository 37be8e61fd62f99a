//go:build !unix

package ftpproto

import (
	"net"
	"syscall"
)

func urgentInline(net.Conn) {}

func sharePort(string, string, syscall.RawConn) error { return nil }
