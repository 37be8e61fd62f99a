package ftpproto

import (
	"net"
	"time"
)

// The bounds of the wait between the end of the data and the commit.
const (
	minSettle = 2 * time.Millisecond // for a busy client to close the one after the other
	maxSettle = 100 * time.Millisecond

	// settleShare is which part of the transfer's own time may be spent on waiting. A client that
	// dies on a busy machine can be held up for its neighbours' time slices between its two closes.
	settleShare = 50

	// silenceWeight is how much longer than the silence before the data's end is waited. A client
	// that means the end closes behind its last byte; one that is killed has often been silent.
	silenceWeight = 2
)

// roundTripSettle is how much later than data's FIN that of the control connection may come, sent
// by the same kernel at the same moment. The network's jitter is estimated from the connection:
// half its round trip and the round trip's deviation. Every transfer has taken several round
// trips before, so that this is a fraction of its time.
func roundTripSettle(data *net.TCPConn) time.Duration {
	rtt, deviation, ok := roundTrip(data)
	if !ok {
		return maxSettle
	}
	return minSettle + rtt/2 + deviation
}

// settleTime is how long after the end of its data an upload waits for a sign that the client is
// gone: for the network (roundTripSettle), and for a client that did not close both connections
// at once, as far as the time that the transfer took and the silence at its end suggest.
func settleTime(network, took, silence time.Duration) time.Duration {
	return min(network+max(took/settleShare, silenceWeight*silence), maxSettle)
}
