package backends

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
	tib = int64(1) << 40
)

var s3Limits = Limits{MaxObject: 5 * tib, MaxPut: 5 * gib, MinPart: 5 * mib, MaxPart: 5 * gib, MaxParts: 10_000}

// Vendors are the limits of the stores, as their drivers tell them: parts that are kept free for
// an object that is continued are not among those of S3 and Azure.
var Vendors = map[string]Limits{
	"S3":     {MaxObject: 50_000 * gib, MaxPut: 5 * gib, MinPart: 5 * mib, MaxPart: 5 * gib, MaxParts: 10_000 - 1024},
	"Google": {MaxObject: 5 * tib, MaxPut: 5 * tib, MinPart: 1, MaxPart: 5 * tib, MaxParts: 100_000},
	"Azure":  {MaxObject: 50_000 * 4000 * mib, MaxPut: 5000 * mib, MinPart: 1, MaxPart: 4000 * mib, MaxParts: 50_000 - 10_000},
}

// walk adds parts until the object is as large as it can be, and returns its size.
func (p partPlan) walk(t *testing.T, limits Limits, off int64, parts int) int64 {
	t.Helper()
	for n := 0; n < parts && off < limits.MaxObject; n++ {
		size := p.size(off)
		require.GreaterOrEqual(t, size, limits.MinPart)
		require.LessOrEqual(t, size, limits.MaxPart)
		off += size
	}
	return min(off, limits.MaxObject)
}

func TestLargestObjectFitsWhereTheMemoryAllows(t *testing.T) {
	azure := Limits{MaxObject: 50_000 * 4000 * mib, MaxPut: 5000 * mib, MinPart: 1, MaxPart: 4000 * mib, MaxParts: 50_000}
	disk := Limits{MaxObject: math.MaxInt64, MaxPut: math.MaxInt64, MinPart: 1, MaxPart: math.MaxInt64, MaxParts: math.MaxInt32}
	for _, c := range []struct {
		name   string
		limits Limits
		budget int64
		least  int64 // that an object can reach
	}{
		{"S3", s3Limits, 256 * mib, 560 * gib},
		{"S3 with little memory", s3Limits, MinMemory, 75 * gib},
		{"S3 with enough", s3Limits, 5 * gib / 2, 5 * tib},
		{"Azure", azure, 256 * mib, 2900 * gib},
		{"disk", disk, MinMemory, 16 * tib},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPartPlan(c.limits, defaultPartSize, NewMemory(c.budget).largest)
			require.Equal(t, int64(defaultPartSize), p.size(0), "small objects stay one Put")
			require.GreaterOrEqual(t, p.reach, c.least)
			if c.limits.MaxParts < math.MaxInt32 {
				require.Equal(t, p.walk(t, c.limits, 0, c.limits.MaxParts-p.spare), p.reach)
				require.Equal(t, p.walk(t, c.limits, 3*gib, 5000), p.end(3*gib, 5000))
			}
		})
	}
}

func TestPartsGrowSlowly(t *testing.T) {
	p := newPartPlan(s3Limits, defaultPartSize, 64*mib)
	require.Equal(t, 8*mib, p.size(gib))
	require.Equal(t, 64*mib, p.size(tib))
	for off, last := int64(0), int64(0); off < 100*gib; off += p.size(off) {
		size := p.size(off)
		require.GreaterOrEqual(t, size, last)
		require.LessOrEqual(t, size, max(8*mib, off/256))
		last = size
	}
}

func TestPartPlanHeedsLimits(t *testing.T) {
	least := newPartPlan(Limits{MaxObject: tib, MaxPut: gib, MinPart: 16 * mib, MaxPart: gib, MaxParts: 100}, mib, 64*mib)
	require.Equal(t, 16*mib, least.size(0))
	put := newPartPlan(Limits{MaxObject: tib, MaxPut: 4 * mib, MinPart: 1, MaxPart: gib, MaxParts: 100}, 8*mib, 64*mib)
	require.Equal(t, 4*mib, put.size(0))

	single := newPartPlan(Limits{MaxObject: tib, MaxPut: gib, MinPart: 100 * mib, MaxPart: gib, MaxParts: 100}, 8*mib, 64*mib)
	require.Equal(t, 64*mib, single.reach, "a least part that the memory cannot hold leaves what one Put takes")
	few := newPartPlan(Limits{MaxObject: tib, MaxPut: gib, MinPart: 1, MaxPart: gib, MaxParts: 3}, chunkSize, 64*mib)
	require.Equal(t, few.walk(t, Limits{MaxObject: tib, MinPart: 1, MaxPart: gib}, 0, 3), few.reach)
}

func TestPartsSentEarlyCostNoReach(t *testing.T) {
	p := newPartPlan(s3Limits, defaultPartSize, 64*mib)
	require.Equal(t, 100, p.spare)
	for _, from := range []int{0, 5000, 9800} { // of the parts planned, where the spare ones go
		off, early := int64(0), 0
		for n := range s3Limits.MaxParts {
			size := p.size(off)
			if n >= from && early < p.spare {
				require.GreaterOrEqual(t, p.enough(size), s3Limits.MinPart)
				size = p.enough(size)
				early++
			}
			off += size
		}
		require.Equal(t, p.spare, early)
		require.GreaterOrEqual(t, off, p.reach)
	}
}

// Objects grow to 100 GiB, or as far as they can, with parts that are sent early at the
// beginning, in the middle, now and then, or never.
func TestEveryPlanIsLegal(t *testing.T) {
	for name, limits := range Vendors {
		for _, budget := range []int64{MinMemory, 64 * mib, 256 * mib, gib} {
			p := newPartPlan(limits, defaultPartSize, NewMemory(budget).largest)
			for early, from := range map[string]func(n int) bool{
				"never":    func(int) bool { return false },
				"first":    func(int) bool { return true },
				"later":    func(n int) bool { return n > 5000 },
				"at times": func(n int) bool { return n%7 == 0 },
			} {
				spare, parts, goal := p.spare, 0, min(100*gib, p.reach)
				for off := int64(0); off < goal; parts++ {
					size := p.size(off)
					if spare > 0 && from(parts) {
						size = p.enough(size)
						spare--
					}
					require.GreaterOrEqual(t, size, limits.MinPart)
					require.LessOrEqual(t, size, min(limits.MaxPart, budget/4))
					off += size
				}
				require.LessOrEqual(t, parts, limits.MaxParts, "%s, %d MiB, early: %s", name, budget/mib, early)
			}
		}
	}
}
