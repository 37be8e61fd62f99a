package backends

import (
	"context"
	"encoding/hex"
	"log/slog"
	"maps"
)

// MetaSHA256 is the key of Info.Metadata under which the SHA-256 of an object is kept, in
// hexadecimal, if CreateOptions asked for it.
const MetaSHA256 = "sha256"

// sha256 returns the sum of all bytes as metadata; nil if it was not asked for or is not known.
func (w *Writer) sha256() map[string]string {
	if w.digest == nil {
		return nil
	}
	return map[string]string{MetaSHA256: hex.EncodeToString(w.digest.Sum(nil))}
}

// metadataWith returns the metadata of the object with more, nil where the store keeps none.
func (w *Writer) metadataWith(more map[string]string) map[string]string {
	if !w.store.caps.Has(CapMetadata) {
		return nil
	}
	return joined(w.write.Metadata, more)
}

// joined returns the entries of both maps, those of more where both have one.
func joined(m, more map[string]string) map[string]string {
	if len(m)+len(more) == 0 {
		return nil
	}
	all := make(map[string]string, len(m)+len(more))
	maps.Copy(all, m)
	maps.Copy(all, more)
	return all
}

// addSHA256 keeps sum with an object that was committed without it: the store takes metadata
// only when an upload begins. The upload has succeeded whatever becomes of this.
func (w *Writer) addSHA256(ctx context.Context, info Info, sum map[string]string) Info {
	s := w.store
	if len(sum) == 0 || !s.caps.Has(CapMetadata|CapCopy) {
		return info
	}
	// The condition is of use beside the pinned source: a store may read the source, and write
	// it again after another writer has replaced it.
	write, err := s.conditional(ctx, w.key, conditions{ifVersion: info.Version})
	if err == nil {
		write.Metadata = sum
		var changed Info
		if changed, err = s.copyInside(ctx, w.key, info, write); err == nil {
			return changed
		}
	}
	level := slog.LevelWarn
	if lostRace(err) || KindOf(err) == ErrNotExist {
		level = slog.LevelDebug // replaced or removed: the sum is of no use any more
	}
	s.log.Log(ctx, level, "the SHA-256 of an upload could not be kept with it", "key", w.key, "err", err)
	return info
}
