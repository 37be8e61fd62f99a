package backends

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// folderParallel is how many requests of a folder's rename are under way at once: the time of
	// each is mostly waiting, and a store takes as many from one client without throttling it.
	folderParallel = 16

	// movesPrefix begins the keys of the records of moves under way.
	movesPrefix = StatePrefix + "moves/"
)

// folderMove is one rename of a folder, object by object. Its record in the store says that what
// has the new name already may be there because of it. That an object is a copy made by a run
// before is told by its bytes: they are those of the original, so that nothing is lost with that.
type folderMove struct {
	store    *Store
	src, dst string
	record   string // its key

	recorded bool     // the record is there
	markers  []Target // of directories; deleted last, when they are empty
	moved    int      // objects that have only their new name
	left     int      // objects known to have their old name
	first    string   // of those
	why      error    // it was left
}

// moveRecord is for those who find a record in the store.
type moveRecord struct {
	From    string    `json:"from"`
	To      string    `json:"to"`
	Started time.Time `json:"started"`
}

func newFolderMove(s *Store, src, dst string) *folderMove {
	name := sha256.Sum256([]byte(src + "\x00" + dst))
	return &folderMove{store: s, src: src, dst: dst, record: movesPrefix + hex.EncodeToString(name[:])}
}

// resume reports whether this very move was begun before, and has not ended.
func (m *folderMove) resume(ctx context.Context) bool {
	_, err := m.store.driver.Stat(ctx, m.record)
	m.recorded = err == nil
	return m.recorded
}

// begin writes the record, once.
func (m *folderMove) begin(ctx context.Context) error {
	if m.recorded {
		return nil
	}
	content, err := json.Marshal(moveRecord{From: m.src, To: m.dst, Started: time.Now().UTC()})
	if err != nil {
		return err
	}
	opts, err := m.store.conditional(ctx, m.record, conditions{ifAbsent: true})
	if err == nil {
		body := Body{ReadSeeker: bytes.NewReader(content), Size: int64(len(content)), Sum: m.store.limits.Checksum.Update(0, content)}
		_, err = m.store.driver.Put(ctx, m.record, body, opts)
	}
	if err != nil && !errors.Is(err, ErrExist) { // left by a run that came no further
		return err
	}
	m.recorded = true
	return nil
}

func (m *folderMove) run(ctx context.Context) error {
	err := m.moveAll(ctx)
	if err == nil {
		err = m.why
	}
	if err == nil {
		err = m.finish(ctx)
	}
	if err == nil || !m.recorded {
		return err
	}
	left := "others may be left"
	if m.left > 0 {
		left = fmt.Sprintf("at least %d left, the first of them %q", m.left, m.first)
	}
	return NewError("rename folder", m.src, KindOf(err),
		fmt.Errorf("%d objects moved to %q, %s; the same rename again goes on from here: %w", m.moved, m.dst, left, err))
}

func (m *folderMove) moveAll(ctx context.Context) error {
	for page, err := range m.store.pages(ctx, ListOptions{Prefix: m.src, Recursive: true}) {
		if err == nil && len(page.Entries) > 0 {
			err = m.movePage(ctx, page.Entries)
		}
		if err != nil {
			return err
		}
	}
	if m.recorded {
		return nil
	}
	// Nothing is below it. A folder that is there all the same has a Hadoop marker.
	if err := m.store.checkHadoopFolder(ctx, m.src); err != nil {
		return err
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	return m.store.copy(ctx, Info{Key: hadoopMarker(m.src)}, hadoopMarker(m.dst), true)
}

// finish removes what is left of the folder when all of it has been moved, and the record last.
func (m *folderMove) finish(ctx context.Context) error {
	slices.Reverse(m.markers) // what is inside first: a disk refuses to delete a full folder
	last := m.markers
	if !m.store.caps.Has(CapFolders) {
		last = append(last, Target{Key: hadoopMarker(m.src)})
	}
	last = append(last, Target{Key: m.record})
	for batch := range slices.Chunk(last, m.store.limits.DeleteBatch) {
		if err := except(m.store.driver.Delete(ctx, batch), m.store.staysBehind); err != nil {
			return err
		}
	}
	return nil
}

func (m *folderMove) newKey(info Info) string { return m.dst + info.Key[len(m.src):] }

// movePage moves a page, or as much of it as can be.
func (m *folderMove) movePage(ctx context.Context, entries []Info) error {
	for _, info := range entries {
		if err := m.store.driver.CheckKey(m.newKey(info)); err != nil {
			m.leave(info, err)
			return err
		}
	}
	if err := m.begin(ctx); err != nil {
		return err
	}
	outcomes := make([]outcome, len(entries))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(folderParallel)
	for i, info := range entries {
		group.Go(func() error {
			outcomes[i] = m.moveOne(groupCtx, info)
			return outcomes[i].fatal()
		})
	}
	err := group.Wait()
	if err != nil { // what was copied is moved to the end, so that the next run need not compare it
		longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		ctx = longer
	}
	return errors.Join(err, m.settle(ctx, entries, outcomes))
}

// settle deletes the originals of what was copied, and counts.
func (m *folderMove) settle(ctx context.Context, entries []Info, outcomes []outcome) error {
	var originals []Target
	moved := 0
	for i, o := range outcomes {
		info := entries[i]
		switch {
		case o.err != nil:
			m.leave(info, o.err)
			continue
		case !o.copied:
		case !info.IsMarker():
			originals = append(originals, m.store.target(info))
		case m.store.caps.Has(CapFolders):
			m.markers = append(m.markers, Target{Key: info.Key})
		default:
			originals = append(originals, Target{Key: info.Key})
		}
		if !info.IsMarker() {
			moved++
		}
	}
	if err := m.store.deleteAll(ctx, originals); err != nil {
		m.leave(Info{Key: originals[0].Key}, err)
		m.left += len(originals) - 1
		return err
	}
	m.moved += moved
	return nil
}

func (m *folderMove) leave(info Info, err error) {
	if m.left == 0 {
		m.first, m.why = info.Key, err
	}
	m.left++
}

// outcome is what has become of one object of a page.
type outcome struct {
	copied bool  // it has both names, and is to lose the old one
	err    error // why it has only its old one
}

// fatal returns the error that ends the move, nil for one that is about this object alone.
func (o outcome) fatal() error {
	if lostRace(o.err) {
		return nil
	}
	return o.err
}

func (m *folderMove) moveOne(ctx context.Context, info Info) outcome {
	err := m.give(ctx, info, m.newKey(info))
	switch {
	case err == nil:
		return outcome{copied: !m.store.caps.Has(CapMove)}
	case errors.Is(err, ErrNotExist): // moved or removed by somebody else
		return outcome{}
	case !errors.Is(err, ErrExist):
		return outcome{err: err}
	}
	same, compareErr := m.isCopy(ctx, info)
	switch {
	case compareErr != nil:
		return outcome{err: compareErr}
	case same:
		return outcome{copied: true}
	}
	return outcome{err: err}
}

// give gives info the name key, which must be free.
func (m *folderMove) give(ctx context.Context, info Info, key string) error {
	s := m.store
	if !s.caps.Has(CapMove) && (s.caps.Has(CapCopy) || !info.IsMarker()) {
		return s.copy(ctx, info, key, true)
	}
	opts, err := s.conditional(ctx, key, conditions{ifAbsent: true})
	if err != nil {
		return err
	}
	if s.caps.Has(CapMove) {
		_, err = s.driver.Move(ctx, key, info, opts)
		return err
	}
	empty := buffer{checksum: s.limits.Checksum}
	_, err = s.driver.Put(ctx, key, empty.body(), opts)
	return err
}

// isCopy reports whether what has info's new name has its bytes. The bytes are read only where
// the store tells no sum, of what a run that was killed has left: a page of objects at the most.
func (m *folderMove) isCopy(ctx context.Context, info Info) (bool, error) {
	if info.IsMarker() {
		return true, nil
	}
	there, err := m.store.driver.Stat(ctx, m.newKey(info))
	switch {
	case errors.Is(err, ErrNotExist):
		return false, nil // it was there a moment ago
	case err != nil:
		return false, err
	case there.Size != info.Size:
		return false, nil
	case there.HasSum && info.HasSum:
		return there.Sum == info.Sum, nil
	case there.MD5 != nil && info.MD5 != nil:
		return bytes.Equal(there.MD5, info.MD5), nil
	}
	one, err := m.store.hash(ctx, info)
	if err != nil {
		return false, err
	}
	other, err := m.store.hash(ctx, there)
	return one == other, err
}

// hash reads all of an object. ErrChanged if it is no longer there.
func (s *Store) hash(ctx context.Context, info Info) (sum [sha256.Size]byte, err error) {
	r, err := s.open(ctx, info.Key, info.Version, 0, -1)
	if err == nil {
		defer r.Close() //nolint:errcheck // the bytes have been counted
		h := sha256.New()
		_, err = io.Copy(h, r)
		h.Sum(sum[:0])
	}
	if errors.Is(err, ErrNotExist) {
		err = NewError("compare", info.Key, ErrChanged, err)
	}
	return sum, err
}
