package ftpproto

import (
	"io"
	"sync"
)

// copyBuffer is what a transfer is copied through where neither end brings a buffer.
const copyBuffer = 128 << 10

type bufferPool struct{ pool sync.Pool }

func newBufferPool() *bufferPool {
	return &bufferPool{sync.Pool{New: func() any {
		b := make([]byte, copyBuffer)
		return &b
	}}}
}

func (p *bufferPool) get() *[]byte  { return p.pool.Get().(*[]byte) }
func (p *bufferPool) put(b *[]byte) { p.pool.Put(b) }

// copyData is io.Copy with a pooled buffer, which is taken only if it is needed.
func copyData(dst io.Writer, src io.Reader, buffers *bufferPool) (int64, error) {
	if from, ok := src.(io.WriterTo); ok {
		return from.WriteTo(dst)
	}
	if to, ok := dst.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	buffer := buffers.get()
	defer buffers.put(buffer)
	return io.CopyBuffer(dst, src, *buffer)
}
