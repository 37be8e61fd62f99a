package transport

import "io"

// Range is the body of an answer without what was asked for only to learn of the object: where it
// ends, and whether the range begins in it. It is used by one goroutine at a time.
type Range struct {
	Body io.ReadCloser
	Skip int64             // bytes at the beginning that nobody wants
	Left int64             // bytes wanted; below 0 for all
	Fail func(error) error // makes of a broken body the driver's error, which says that it can be read on from here
}

// Read implements io.Reader.
func (r *Range) Read(p []byte) (int, error) {
	for r.Skip > 0 {
		var dropped [1]byte
		n, err := r.Body.Read(dropped[:])
		r.Skip -= int64(n)
		if n == 0 && err != nil {
			return 0, r.fail(err)
		}
	}
	if r.Left == 0 {
		return 0, io.EOF
	}
	if r.Left > 0 && int64(len(p)) > r.Left {
		p = p[:r.Left]
	}
	n, err := r.Body.Read(p)
	if r.Left > 0 {
		r.Left -= int64(n)
	}
	return n, r.fail(err)
}

func (r *Range) fail(err error) error {
	if err == nil || err == io.EOF { //nolint:errorlint // one that wraps it is a connection that was cut
		return err
	}
	return r.Fail(err)
}

// Close implements io.Closer.
func (r *Range) Close() error { return r.Body.Close() }
