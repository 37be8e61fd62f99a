package transport

import (
	"errors"
	"io"
	"sync"
)

// lentBody is the body of a request, until it is taken back. The transport may go on reading
// after it has returned: after an error, a cancelled context or an answer that came early. By
// then the bytes may be another user's.
type lentBody struct {
	mu   sync.Mutex
	body io.Reader // nil once taken back
}

var errTakenBack = errors.New("the request is over")

func (b *lentBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.body == nil {
		return 0, errTakenBack
	}
	return b.body.Read(p)
}

// Close implements io.Closer. There is nothing to close: the bytes are in memory.
func (b *lentBody) Close() error {
	b.takeBack()
	return nil
}

// takeBack ends all reading; no Read of the body is under way when it returns.
func (b *lentBody) takeBack() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.body = nil
}
