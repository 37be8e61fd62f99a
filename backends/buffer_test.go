package backends

import (
	"bytes"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// filled returns a buffer of data that came in pieces of step bytes.
func filled(t *testing.T, data []byte, step int) *buffer {
	t.Helper()
	b := &buffer{memory: NewMemory(DefaultMemory), checksum: CRC64NVME, limit: int64(len(data)), enough: int64(len(data)), initial: true, speed: &speed{}}
	for rest := data; len(rest) > 0; {
		room, err := b.room(t.Context())
		require.NoError(t, err)
		require.NotEmpty(t, room)
		n := copy(room[:min(step, len(room))], rest)
		b.fill(room, n)
		rest = rest[n:]
	}
	require.True(t, b.full())
	return b
}

func pattern(n int) []byte {
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i) ^ byte(i>>8) ^ byte(i>>16)
	}
	return data
}

func TestBufferGivesBackWhatItWasGiven(t *testing.T) {
	for _, size := range []int{0, 1, chunkSize - 1, chunkSize, chunkSize + 1, 3*chunkSize + 7} {
		for _, step := range []int{1000, chunkSize, 1 << 20} {
			data := pattern(size)
			b := filled(t, data, step)
			require.Len(t, b.chunks, (size+chunkSize-1)/chunkSize)
			body := b.body()
			require.Equal(t, int64(size), body.Size)
			require.Equal(t, CRC64NVME.Update(0, data), body.Sum)
			require.NoError(t, iotest.TestReader(body.ReadSeeker, data))

			for off := int64(0); off <= int64(size); off += 20_011 {
				_, err := body.Seek(off, io.SeekStart)
				require.NoError(t, err)
				var out bytes.Buffer
				n, err := body.ReadSeeker.(io.WriterTo).WriteTo(&out)
				require.NoError(t, err)
				require.Equal(t, int64(size)-off, n)
				require.True(t, bytes.Equal(data[off:], out.Bytes()), "from %d of %d", off, size)
			}
			b.release()
			b.release()
			b.memory.requireAllFree(t, DefaultMemory)
		}
	}
}

func TestBufferTakesNoMoreThanItNeeds(t *testing.T) {
	b := &buffer{memory: NewMemory(DefaultMemory), checksum: CRC64NVME, limit: defaultPartSize, enough: defaultPartSize, initial: true, speed: &speed{}}
	for range 200 << 10 / 4096 { // a file of 200 KiB, in packets
		room, err := b.room(t.Context())
		require.NoError(t, err)
		b.fill(room, 4096)
	}
	require.Len(t, b.chunks, 4)
	require.Equal(t, int64(256<<10), b.held.small)
	b.release()
}

func TestWriteToStopsWhereTheWriterDoes(t *testing.T) {
	body := filled(t, pattern(2*chunkSize), chunkSize).body()
	n, err := body.ReadSeeker.(io.WriterTo).WriteTo(&shortWriter{left: chunkSize + 10})
	require.ErrorIs(t, err, io.ErrShortWrite)
	require.Equal(t, int64(chunkSize+10), n)
	rest, err := io.ReadAll(body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(pattern(2 * chunkSize)[n:], rest))
}

type shortWriter struct{ left int }

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}
