package backends

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSpeedTellsSlowFromFast(t *testing.T) {
	for _, c := range []struct {
		name  string
		reads []int // bytes, each after a second
		lacks int64
		pace  pace
	}{
		{"nothing is known", nil, 8 * mib, fast},
		{"the first read does not count", []int{1}, 8 * mib, fast},
		{"10 KB/s", []int{10_000, 10_000, 10_000}, 8 * mib, slow},
		{"10 KB/s, but almost done", []int{10_000, 10_000}, 100_000, fast},
		{"1 MiB/s", []int{1, 1 << 20, 1 << 20}, 8 * mib, fast},
		{"1 MiB/s and large parts", []int{1, 1 << 20, 1 << 20}, 64 * mib, slow},
		{"stands still", []int{1 << 20, 0}, chunkSize, slow},
	} {
		t.Run(c.name, func(t *testing.T) {
			var s speed
			for _, n := range c.reads {
				s.add(n, time.Second)
			}
			require.Equal(t, c.pace, s.pace(c.lacks))
		})
	}
}

func TestSpeedForgets(t *testing.T) {
	var s speed
	for range 1000 {
		s.add(defaultPartSize, time.Millisecond)
		s.forgetHalf()
	}
	for range 20 {
		s.add(10_000, time.Second)
	}
	require.Equal(t, slow, s.pace(defaultPartSize))
}
