package ftpproto

import (
	"net"
	"time"
)

// The bounds of the wait between the end of the data and the commit.
const (
	minSettle = 2 * time.Millisecond // for a busy client to close the one after the other
	maxSettle = 100 * time.Millisecond
)

// settleTime is how much later than data's FIN that of the control connection may come, sent by
// the same kernel at the same moment. The network's jitter is estimated from the connection: half
// its round trip and the round trip's deviation. Every transfer has taken several round
// trips before, so that this is a fraction of its time.
func settleTime(data *net.TCPConn) time.Duration {
	rtt, deviation, ok := roundTrip(data)
	if !ok {
		return maxSettle
	}
	return min(max(minSettle+rtt/2+deviation, minSettle), maxSettle)
}
