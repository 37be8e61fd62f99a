package backends

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCombineAgreesWithOnePass(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 200_000)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for _, c := range []Checksum{CRC64NVME, CRC32C} {
		whole := c.Update(0, data)
		for _, cut := range []int{0, 1, 7, 8, 4096, 65537, 131072, len(data) - 1, len(data)} {
			first, second := c.Update(0, data[:cut]), c.Update(0, data[cut:])
			require.Equal(t, whole, c.Combine(first, second, int64(len(data)-cut)), "cut at %d", cut)
		}
	}
	require.Zero(t, NoChecksum.Combine(1, 2, 3))
}

// The check values are those of the catalogue of parametrised CRC algorithms.
func TestCheckValues(t *testing.T) {
	require.Equal(t, uint64(0xAE8B14860A799888), CRC64NVME.Update(0, []byte("123456789")))
	require.Equal(t, uint64(0xE3069283), CRC32C.Update(0, []byte("123456789")))
	require.Zero(t, NoChecksum.Update(0, []byte("123456789")))
}
