package backends

const (
	// defaultPartSize is that of the first parts. 8 MiB keeps the share of a request's own
	// time small, and lets four be under way in little memory.
	defaultPartSize = 8 << 20

	// growthShare is which share of the parts an object takes to grow e-fold while its parts
	// grow with it: little enough that most parts are left for when they are large.
	growthShare = 32

	// maxFraction keeps that from being slow in stores that allow very many parts.
	maxFraction = 1024

	// spareShare is which share of the parts may be sent before they are full, because memory
	// is short.
	spareShare = 100
)

// partPlan decides how large the parts of an upload of unknown length are. They are small at
// first, so that small objects need little memory, and later a fixed fraction of what is
// already written, so that the store's number of parts is enough for its largest object, or for
// as much as parts of the largest size that fits the memory can hold.
type partPlan struct {
	first     int64
	largest   int64
	fraction  int64 // a part is 1/fraction of what lies before it
	least     int64 // bytes that a part must have, but for the last
	maxParts  int   // without the spare ones; 0 if the store's least part does not fit into the memory
	spare     int   // parts that may be smaller than planned
	maxObject int64
	reach     int64 // bytes of the largest object that can be written from its beginning
}

func newPartPlan(limits Limits, first, largest int64) partPlan {
	p := partPlan{
		largest:   min(largest, limits.MaxPart),
		fraction:  int64(min(max(limits.MaxParts/growthShare, 1), maxFraction)),
		least:     limits.MinPart,
		maxParts:  limits.MaxParts - limits.MaxParts/spareShare,
		spare:     limits.MaxParts / spareShare,
		maxObject: limits.MaxObject,
	}
	if limits.MinPart > p.largest {
		p.maxParts, p.spare = 0, 0
	}
	p.first = min(max(first, limits.MinPart), p.largest, limits.MaxPut)
	p.reach = max(p.end(0, p.maxParts), min(p.first, p.maxObject))
	return p
}

// size returns the size of a part that begins at off.
func (p partPlan) size(off int64) int64 {
	grown := (off/p.fraction + chunkSize - 1) / chunkSize * chunkSize
	return min(max(grown, p.first), p.largest)
}

// enough returns with how many bytes a part of that size may be sent when memory is short.
func (p partPlan) enough(size int64) int64 {
	half := (size/2 + chunkSize - 1) / chunkSize * chunkSize
	return min(max(half, p.least), size)
}

// end returns how long an object can become to which parts more parts are added at off.
func (p partPlan) end(off int64, parts int) int64 {
	for ; parts > 0 && off < p.maxObject; parts-- {
		size := p.size(off)
		if size == p.largest { // and so are all that follow
			if left := p.maxObject - off; int64(parts) >= left/size+1 {
				return p.maxObject
			}
			return off + int64(parts)*size
		}
		off += size
	}
	return min(off, p.maxObject)
}
