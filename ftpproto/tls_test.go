package ftpproto

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// What follows the last record of TLS stays unread, however much of it has come already.
func TestRecordConnReadsNoFurther(t *testing.T) {
	records := []string{"\x16\x03\x01\x00\x05hello", "\x17\x03\x03\x00\x00", "\x15\x03\x03\x00\x02\x01\x00"}
	for _, room := range []int{1, 3, 5, 100} {
		client, server := net.Pipe()
		go func() {
			for _, r := range records {
				_, _ = client.Write([]byte(r))
			}
			_, _ = client.Write([]byte("USER bob\r\n"))
			client.Close()
		}()
		c := &recordConn{Conn: server}
		for _, record := range records {
			for got := ""; got != record; {
				p := make([]byte, room)
				n, err := c.Read(p)
				require.NoError(t, err)
				got += string(p[:n])
				require.LessOrEqual(t, len(got), len(record))
			}
		}
		rest, err := io.ReadAll(server)
		require.NoError(t, err)
		require.Equal(t, "USER bob\r\n", string(rest))
	}
}
