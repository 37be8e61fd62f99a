package backends

import "time"

// patience is how long a turn at the memory may take its upload: one that lacks bytes for
// longer, at the speed it was seen to send, takes its turn among the slow. 8 MiB in 10 seconds
// are a line of 7 Mbit/s; who sends more is not to wait for a sensor on a mobile network.
const patience = 10 * time.Second

// speed measures how fast a client sends. The time in which it could not, because we waited for
// memory, does not count. It forgets half with each part, so that a client that was fast once
// is not taken for it for ever.
type speed struct {
	begun bool
	bytes int64
	time  time.Duration
}

// add counts what one read brought. The first one does not count: it waits for the client to
// open its file.
func (s *speed) add(n int, took time.Duration) {
	if s.begun {
		s.bytes += int64(n)
		s.time += took
	}
	s.begun = true
}

func (s *speed) forgetHalf() {
	s.bytes /= 2
	s.time /= 2
}

// pace says whether the client needs longer than patience to send so many bytes. One of which
// nothing is known counts as fast.
func (s *speed) pace(bytes int64) pace {
	if float64(s.time)*float64(bytes) > float64(patience)*float64(s.bytes) {
		return slow
	}
	return fast
}
