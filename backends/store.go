package backends

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// StoreOptions tunes a Store. The zero value works.
type StoreOptions struct {
	Memory        *Memory      // shared with other stores; nil for one of DefaultMemory of its own
	PartSize      int64        // bytes of an upload's first parts; 0 for 8 MiB. Kept within the limits of store and memory
	ParallelParts int          // parts of one upload under way at once; 0 for 4
	ParallelReads int          // streams of one download at once, while the store is slower than its client; 0 for 4, 1 for never more
	Logger        *slog.Logger // nil for none
}

// defaultParallelParts is enough to keep the connections to a store busy while answers are
// under way, and little enough that one upload does not take the memory of all.
const defaultParallelParts = 4

// Store is what a gateway uses of a Driver: whole objects and folders instead of requests. What
// the driver cannot do by itself the Store makes of what it can. Its methods may be called
// concurrently; their errors are *Errors.
//
// Names of objects are keys without a "/" at the end. Names of folders may have one; "" is the
// root, which always exists. A name that is no valid key, or lies under StatePrefix, is ErrInvalid.
type Store struct {
	name   string
	driver Driver
	caps   Caps
	limits Limits

	memory        *Memory
	plan          partPlan
	parallelParts int
	parallelReads int
	piece         int64 // bytes that each of them reads
	log           *slog.Logger

	cleaner *cleaner  // of failed uploads
	taken   *KeyLocks // objects that are being renamed or removed; shared with its Scopes
	appends *appends  // shared with its Scopes; nil while an append tries again
}

// NewStore returns the Store over d, which it closes with itself.
func NewStore(name string, d Driver, opts StoreOptions) *Store {
	s := &Store{name: name, driver: d, memory: opts.Memory, parallelParts: opts.ParallelParts, parallelReads: opts.ParallelReads, piece: pieceSize, log: opts.Logger}
	s.caps, s.limits = d.Describe()
	if s.memory == nil {
		s.memory = NewMemory(DefaultMemory)
	}
	if opts.PartSize <= 0 {
		opts.PartSize = defaultPartSize
	}
	s.plan = newPartPlan(s.limits, opts.PartSize, s.memory.largest)
	if s.parallelParts <= 0 {
		s.parallelParts = defaultParallelParts
	}
	if !s.caps.Has(CapParallelParts) {
		s.parallelParts = 1
	}
	if s.parallelReads <= 0 {
		s.parallelReads = defaultParallelReads
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("store", name)
	s.cleaner = newCleaner(s.log)
	s.taken = new(KeyLocks)
	s.appends = newAppends(s.limits, opts.PartSize)
	return s
}

// Name returns the name given to NewStore.
func (s *Store) Name() string { return s.name }

// Caps returns what the store's driver can do.
func (s *Store) Caps() Caps { return s.caps }

// Check asks the store whether it can be used now, as Driver.Check does.
func (s *Store) Check(ctx context.Context) error { return s.driver.Check(ctx) }

// Close waits a short time until failed uploads are ended in the store, logs what is left, and
// closes the driver.
func (s *Store) Close() error {
	s.cleaner.close()
	return s.driver.Close()
}

// Stat describes the object at key, in one request. A folder of that name is ErrNotExist.
func (s *Store) Stat(ctx context.Context, key string) (Info, error) {
	if err := s.checkKey("stat", key); err != nil {
		return Info{}, err
	}
	return s.driver.Stat(ctx, key)
}

// Remove deletes the object at key; ErrNotExist if there is none. It takes two requests where
// the store answers alike for what was there and what was not.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := s.checkKey("remove", key); err != nil {
		return err
	}
	unlock, err := s.taken.Lock(ctx, key)
	if err != nil {
		return NewError("remove", key, ErrUnknown, err)
	}
	defer unlock()
	if !s.caps.Has(CapTellsAbsent) {
		if _, err := s.driver.Stat(ctx, key); err != nil {
			return err
		}
	}
	return s.driver.Delete(ctx, []Target{{Key: key}})
}

// SetModTime changes the modification time that Stat tells of key, by copying the object onto
// itself inside the store. ErrNotExist if it is not there, ErrUnsupported where the store cannot
// copy.
func (s *Store) SetModTime(ctx context.Context, key string, t time.Time) error {
	if err := s.checkKey("set time", key); err != nil {
		return err
	}
	_, err := s.copyInside(ctx, key, Info{Key: key}, WriteOptions{ModTime: t})
	return err
}

// checkKey refuses what is no name of an object that users may reach.
func (s *Store) checkKey(op, key string) error {
	if key == "" || key[len(key)-1] == '/' || reserved(key) {
		return NewError(op, key, ErrInvalid, errors.New("not the name of an object"))
	}
	return s.driver.CheckKey(key)
}

// folderMarker returns the marker key of a folder that users may reach, "" for the root.
func (s *Store) folderMarker(op, folder string) (string, error) {
	if folder == "" {
		return "", nil
	}
	marker := FolderKey(folder)
	if reserved(marker) {
		return "", NewError(op, folder, ErrInvalid, errors.New("not the name of a folder"))
	}
	return marker, s.driver.CheckKey(marker)
}
