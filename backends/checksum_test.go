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
	whole := CRC64NVME.Update(0, data)
	for _, cut := range []int{0, 1, 7, 8, 4096, 65537, 131072, len(data) - 1, len(data)} {
		first, second := CRC64NVME.Update(0, data[:cut]), CRC64NVME.Update(0, data[cut:])
		require.Equal(t, whole, CRC64NVME.Combine(first, second, int64(len(data)-cut)), "cut at %d", cut)
	}
}

func TestCRC64NVMECheckValue(t *testing.T) {
	// The check value of CRC-64/NVME in the catalogue of parametrised CRC algorithms.
	require.Equal(t, uint64(0xAE8B14860A799888), CRC64NVME.Update(0, []byte("123456789")))
}
