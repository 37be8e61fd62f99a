package backends

import (
	"hash/crc32"

	"github.com/minio/crc64nvme"
)

// Checksum names the sum that a store verifies on arrival. It is computed once, while buffers fill.
type Checksum int

// The sums.
const (
	NoChecksum Checksum = iota
	CRC64NVME           // S3's full-object checksum, and Azure's of a block (CRC-64/NVME)
	CRC32C              // Google's (CRC-32/ISCSI), in the lower half
)

// Update returns the sum of the bytes that gave sum, followed by p.
func (c Checksum) Update(sum uint64, p []byte) uint64 {
	switch c {
	case CRC64NVME:
		return crc64nvme.Update(sum, p)
	case CRC32C:
		return uint64(crc32.Update(uint32(sum), castagnoli, p))
	}
	return 0
}

// castagnoli is constant; MakeTable returns the one that the processor's instruction is used for.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// polynomial returns the reversed polynomial of a CRC, and its number of bits; 0 for no sum.
func (c Checksum) polynomial() (reversed uint64, bits int) {
	switch c {
	case CRC64NVME:
		return 0x9A6C9329AC4BC9B5, 64
	case CRC32C:
		return crc32.Castagnoli, 32
	}
	return 0, 0
}

// Combine returns the sum of two runs of bytes, one behind the other, from the sum of each and
// the length of the second. It takes time logarithmic in that length.
//
// Appending n zero bytes to a message is a linear map of its CRC over GF(2): a matrix of as many
// rows as the CRC has bits, raised to the n-th power by squaring. (The method of zlib's
// crc32_combine.)
func (c Checksum) Combine(first, second uint64, secondLen int64) uint64 {
	polynomial, bits := c.polynomial()
	if bits == 0 {
		return 0
	}
	var odd, even matrix
	odd[0] = polynomial // one zero bit
	for i := 1; i < bits; i++ {
		odd[i] = 1 << (i - 1)
	}
	even.square(&odd) // two bits
	odd.square(&even) // four bits
	for n, m, spare := uint64(secondLen), &even, &odd; n != 0; n >>= 1 {
		m.square(spare) // first: eight bits, one byte
		if n&1 != 0 {
			first = m.times(first)
		}
		m, spare = spare, m
	}
	return first ^ second
}

// matrix is a matrix over GF(2), by columns; those of a shorter CRC leave the last ones zero.
type matrix [64]uint64

func (m *matrix) times(v uint64) uint64 {
	var sum uint64
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) square(of *matrix) {
	for i := range m {
		m[i] = of.times(of[i])
	}
}
