package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// garbageAllowance is how many bytes of garbage may wait for the collector. By Go's own rule it
// is as many as are in use: a process whose transfers use all of their memory budget would take
// twice the budget. Buffers hold no pointers, so collecting more often costs next to nothing.
const garbageAllowance = 32 << 20

// boundGarbage holds garbage to the allowance from now on, unless the operator has told the Go
// runtime what to do (GOGC).
func boundGarbage() {
	if os.Getenv("GOGC") == "" {
		new(collection).rearm()
	}
}

// collection is unreachable as soon as it is made, so that the end of each collection is heard
// by its finalizer.
type collection struct {
	_ *collection // a pointer: the runtime batches tiny objects without one, and delays their finalizers
}

func (c *collection) rearm() {
	runtime.SetFinalizer(c, func(c *collection) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		debug.SetGCPercent(garbagePercent(live[0].Value.Uint64()))
		c.rearm()
	})
}

// garbagePercent is the allowance in the terms of GOGC: garbage as a percentage of what is live.
func garbagePercent(live uint64) int {
	const (
		byGosOwnRule = 100
		least        = 5 // of heaps so large that they would be collected all the time
	)
	return int(max(least, min(byGosOwnRule, garbageAllowance*100/max(live, 1))))
}
