package backends

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
)

// target names exactly the object that info describes, where the store can.
func (s *Store) target(info Info) Target {
	if s.caps.Has(CapIfVersion) {
		return Target{Key: info.Key, Version: info.Version}
	}
	return Target{Key: info.Key}
}

// deleteAll deletes what has been copied, or is to go with its folder, in batches, several at
// once. What is gone already is no error, and what another has written there since stays.
func (s *Store) deleteAll(ctx context.Context, targets []Target) error {
	var group errgroup.Group
	group.SetLimit(folderParallel)
	for batch := range slices.Chunk(targets, s.limits.DeleteBatch) {
		group.Go(func() error { return except(s.driver.Delete(ctx, batch), s.staysBehind) })
	}
	return group.Wait()
}

// staysBehind reports whether a deletion that failed with err is as good as done: it came first,
// and what is there now was written after it.
func (s *Store) staysBehind(err error) bool {
	switch KindOf(err) {
	case ErrNotExist:
		return true
	case ErrChanged, ErrNotEmpty:
		s.log.Warn("what was written to an old name during its rename stays there", "err", err)
		return true
	}
	return false
}

// AbsentIsDeleted returns what of the error of a Driver.Delete is not about objects that were gone before.
func AbsentIsDeleted(err error) error {
	return except(err, func(err error) bool { return errors.Is(err, ErrNotExist) })
}

// except returns what of the error of a Driver.Delete is not forgiven.
func except(err error, forgiven func(error) bool) error {
	joined, several := err.(interface{ Unwrap() []error })
	if _, one := err.(*Error); one || !several { //nolint:errorlint // only what Delete has joined itself is several
		if err != nil && forgiven(err) {
			return nil
		}
		return err
	}
	var left []error
	for _, one := range joined.Unwrap() {
		left = append(left, except(one, forgiven))
	}
	return errors.Join(left...)
}
