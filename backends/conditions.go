package backends

import (
	"context"
	"errors"
)

// conditions is what must hold of a key for a write to take effect.
type conditions struct {
	ifAbsent  bool
	ifVersion string
}

// divide splits must into what the driver can hold, as write options, and what is left for
// check to look at, a moment before the write.
func (s *Store) divide(must conditions) (left conditions, opts WriteOptions) {
	if s.caps.Has(CapIfAbsent) {
		opts.IfAbsent, must.ifAbsent = must.ifAbsent, false
	}
	if s.caps.Has(CapIfVersion) {
		opts.IfVersion, must.ifVersion = must.ifVersion, ""
	}
	return must, opts
}

// check returns ErrExist or ErrChanged if a condition does not hold now.
func (s *Store) check(ctx context.Context, key string, must conditions) error {
	if must == (conditions{}) {
		return nil
	}
	info, err := s.driver.Stat(ctx, key)
	absent := errors.Is(err, ErrNotExist)
	switch {
	case err != nil && !absent:
		return err
	case must.ifAbsent && !absent:
		return NewError("check", key, ErrExist, nil)
	case must.ifVersion != "" && (absent || info.Version != must.ifVersion):
		return NewError("check", key, ErrChanged, nil)
	}
	return nil
}

// conditional returns the write options of one request that is made at once.
func (s *Store) conditional(ctx context.Context, key string, must conditions) (WriteOptions, error) {
	left, opts := s.divide(must)
	return opts, s.check(ctx, key, left)
}
