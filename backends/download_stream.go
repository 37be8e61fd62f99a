package backends

import (
	"context"
	"io"
	"math/rand/v2"
	"time"
)

const (
	// resumeAttempts is how often a download asks again without getting a byte. With the waits
	// between, a store may be away for some 6 seconds: longer, and a client gives up itself.
	resumeAttempts = 6
	// firstResumeDelay is doubled from attempt to attempt.
	firstResumeDelay = 100 * time.Millisecond
)

// stream reads a range of one version of an object. It asks for it when it is first read, if it
// has no body yet, and for the rest when the store breaks off.
type stream struct {
	store *Store
	ctx   context.Context
	info  Info
	off   int64 // of the next byte
	end   int64

	body     io.ReadCloser // nil if the store is to be asked
	broken   error         // why the store is asked again
	attempts int           // to go on, since the last byte
	waited   time.Duration // for body, in the last Read
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.off == s.end {
		return 0, io.EOF
	}
	for {
		if s.body == nil {
			if err := s.ask(); err != nil {
				return 0, err
			}
		}
		asked := time.Now()
		n, err := s.body.Read(p[:min(int64(len(p)), s.end-s.off)])
		s.waited = time.Since(asked)
		s.off += int64(n)
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && s.off < s.end {
			s.broken = err // mended by the next Read
			_ = s.close()
		}
		if n > 0 {
			s.attempts = 0
			return n, nil
		}
		if err == nil {
			return 0, nil
		}
	}
}

// ask asks for the bytes until the store answers.
func (s *stream) ask() error {
	for {
		if err := s.mayAsk(); err != nil {
			return err
		}
		body, _, err := s.store.driver.ReadRange(s.ctx, s.info.Key, s.info.Version, s.off, s.end-s.off)
		if err == nil {
			s.body, s.broken = body, nil
			return nil
		}
		s.broken = err
	}
}

// mayAsk returns when the store can be asked for the bytes, or why they are not to be had.
func (s *stream) mayAsk() error {
	switch {
	case s.ctx.Err() != nil:
		return NewError("read", s.info.Key, ErrUnknown, context.Cause(s.ctx))
	case s.broken == nil:
		return nil
	case !passing(s.broken) || s.attempts == resumeAttempts:
		return NewError("read", s.info.Key, KindOf(s.broken), s.broken)
	}
	s.attempts++
	s.store.log.DebugContext(s.ctx, "download broke off, asking for the rest", "key", s.info.Key, "offset", s.off, "attempt", s.attempts, "err", s.broken)
	return s.wait()
}

// passing reports whether what failed may succeed when it is tried again.
func passing(err error) bool {
	kind := KindOf(err)
	return kind == ErrUnknown || kind == ErrUnavailable
}

// wait backs off: for half of the delay, and a random part of the other half so that the
// downloads which a store has dropped together do not come back together.
func (s *stream) wait() error {
	delay := firstResumeDelay << (s.attempts - 1) / 2
	timer := time.NewTimer(delay + rand.N(delay)) //nolint:gosec // no secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-s.ctx.Done():
		return NewError("read", s.info.Key, ErrUnknown, context.Cause(s.ctx))
	}
}

func (s *stream) close() error {
	if s.body == nil {
		return nil
	}
	err := s.body.Close()
	s.body = nil
	return err
}
