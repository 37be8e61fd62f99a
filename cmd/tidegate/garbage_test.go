package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestGarbagePercent(t *testing.T) {
	for live, want := range map[uint64]int{0: 100, 1 << 20: 100, 32 << 20: 100, 64 << 20: 50, 256 << 20: 12, 1 << 40: 5} {
		require.Equal(t, want, garbagePercent(live))
	}
}

func TestBoundGarbageFollowsTheHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	percent := func() uint64 {
		sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
		metrics.Read(sample)
		return sample[0].Value.Uint64()
	}
	settles := func(at uint64) func() bool {
		return func() bool { runtime.GC(); return percent() == at }
	}
	boundGarbage()
	held := make([]byte, 1<<30) // its pages are never touched
	require.Eventually(t, settles(5), deadline, time.Millisecond)
	runtime.KeepAlive(held)
	require.Eventually(t, settles(100), deadline, time.Millisecond)
}
