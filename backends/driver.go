// Package backends is the contract between Tidegate and an object store, and what is alike
// for every store on top of it.
//
// A Driver is thin: it turns one call into the store's own requests. A Store is portable: it
// makes uploads, downloads, listings and folders out of any Driver.
package backends

import (
	"context"
	"io"
	"time"
)

// Driver is one bucket, container or directory tree. Its methods may be called concurrently.
//
// Keys are "/"-separated, UTF-8, and not empty. A key that ends in "/" is a folder marker: an
// empty object on an object store, a directory on a disk. What other tools use for a marker, and
// only the driver can tell from an object, is shown as such a key. The Store gives a driver no key
// that CheckKey refuses. The folders above a key need not be made first.
//
// What needs an ability that Describe does not declare is refused with ErrUnsupported, and does nothing.
//
// Every error is an *Error, so that errors.Is(err, ErrNotExist) and the vendor's own error
// both match. ctx ends a call promptly; the driver retries what is safe to retry until then.
type Driver interface {
	// Describe returns what the store can do. The answer is constant for the driver's life.
	Describe() (Caps, Limits)

	// CheckKey refuses, with ErrInvalid and without a request, a key that the store could not
	// hold, or would not give back under the same name.
	CheckKey(key string) error

	// Check asks the store whether it can be used now: it is reachable, it knows the
	// credentials, the bucket is there. It leaves no trace in the store.
	Check(ctx context.Context) error

	// Stat describes the object at key in one request. For a marker key ("a/") it describes
	// the marker itself; a folder without one, or asked for without its "/", is ErrNotExist.
	Stat(ctx context.Context, key string) (Info, error)

	// ListPage returns one page of the keys under opts.Prefix in key order (by bytes, common
	// prefixes among them), pages in order too. Keys that come or go between two pages may or
	// may not be seen; all others are seen once. No match is an empty page, not an error.
	ListPage(ctx context.Context, opts ListOptions) (Page, error)

	// ReadRange reads n bytes of key from off; n < 0 means to the end. A version that is not ""
	// pins the read: ErrChanged if it is no longer the current one. An off behind the end is
	// ErrRange; off == size reads nothing. Info describes the object read, at no further request.
	// The body is of one version whatever happens. Where it breaks off it may be asked for again
	// from there; but a body that is an io.WriterTo is local, and its errors are final.
	ReadRange(ctx context.Context, key, version string, off, n int64) (io.ReadCloser, Info, error)

	// Put writes the object at key in one request, atomically, and has the store verify
	// body's Sum if the driver declares a Checksum. It does not touch body once it has returned,
	// even if ctx ended it: body's memory is used again.
	Put(ctx context.Context, key string, body Body, opts WriteOptions) (Info, error)

	// StartUpload begins a write in parts. Its error, and that of Copy, may be an *UnendedError.
	StartUpload(ctx context.Context, key string, opts WriteOptions) (Upload, error)

	// ResumeUpload finds the unfinished upload id again, in another process too.
	// opts are those of StartUpload. ErrUploadGone if it has ended.
	ResumeUpload(ctx context.Context, key string, id UploadID, opts WriteOptions) (Upload, error)

	// Copy makes dst a copy of exactly src.Version, inside the store, of any size. With a Version
	// of "", only src.Key is set, and the current version is copied.
	// What opts does not set is copied too; with dst == src.Key only what it sets is replaced.
	// ErrChanged if src.Version is not the current one, ErrNotExist if src is gone.
	Copy(ctx context.Context, dst string, src Info, opts WriteOptions) (Info, error)

	// Move renames src to dst atomically, as Copy and Delete would. With CapFolders, markers
	// are moved with all that is below them; dst must then be absent (ErrExist).
	Move(ctx context.Context, dst string, src Info, opts WriteOptions) (Info, error)

	// Delete removes the targets, at most Limits.DeleteBatch of them, with CapFolders in their order.
	// It joins one *Error for each that could not be removed: ErrChanged if another version is
	// there than the one that was meant, and with CapTellsAbsent ErrNotExist if none is. Without it,
	// one that is absent counts as removed.
	// A marker of a folder that still holds something may be refused with ErrNotEmpty.
	Delete(ctx context.Context, targets []Target) error

	// Close frees what the driver holds. Nothing is called after it.
	Close() error
}

// Upload is one unfinished write. Nothing is visible at its key until Commit returns nil.
// Exactly one of Commit or Abort ends it; dropping the value leaves it resumable.
// With CapParallelParts, PutPart may be called concurrently for different numbers, in any order.
// Without it, calls come one after the other, each with the next number or the last one again.
//
// Once the upload has ended its methods answer ErrUploadGone, but for a second Abort, and for a
// second Commit where the driver can still tell that the first one succeeded.
type Upload interface {
	// ID names the upload for ResumeUpload. It is opaque and survives a restart.
	ID() UploadID

	// PutPart stores part number (from 1; Base, if any, lies before part 1) and has the store
	// verify body's Sum. Putting a number again replaces that part. As with Put, body is not
	// touched after it has returned.
	PutPart(ctx context.Context, number int, body Body) (Part, error)

	// Parts returns the parts the store holds now, by number, holes included.
	Parts(ctx context.Context) ([]Part, error)

	// Commit publishes Base and then parts, which are numbered 1 to n without a hole, as one
	// object; with a Base there may be no parts. It fails with ErrChanged or ErrExist if a
	// condition of WriteOptions does not hold, with ErrChanged if a part's Tag is no longer the
	// stored one, and with ErrInvalid if numbers, size or sum do not agree with what the store
	// holds. A failed Commit leaves the key as it was, and the upload to be aborted. An ambiguous
	// failure (a lost answer) is resolved by asking the store, so that nil and error both tell
	// the truth.
	Commit(ctx context.Context, parts []Part, opts CommitOptions) (Info, error)

	// Abort ends the upload and frees what it stored. Aborting twice, or what was committed, is
	// no error and changes nothing.
	Abort(ctx context.Context) error
}

// UploadID names an unfinished upload of a driver.
type UploadID string

// Part is one stored part of an upload.
type Part struct {
	Number int
	Size   int64
	Tag    string // the store's tag of exactly these bytes (an ETag); refused at Commit if another writer replaced them
	Sum    uint64 // of the part, by the driver's Checksum; 0 where it has none, or in Parts behind a Base
}

// Body is the bytes of a Put or a part: held in memory, of known size, rewindable for a retry.
type Body struct {
	io.ReadSeeker
	Size int64
	Sum  uint64 // by the driver's Checksum; 0 where it has none
}

// Target names an object to delete.
type Target struct {
	Key     string
	Version string // "" for whichever is there; else needs CapIfVersion
}

// Targets names whichever objects are at keys.
func Targets(keys ...string) []Target {
	targets := make([]Target, len(keys))
	for i, key := range keys {
		targets[i].Key = key
	}
	return targets
}

// Info describes one object or, in a listing with a delimiter, one common prefix.
type Info struct {
	Key      string // of a prefix: with its "/" at the end
	Size     int64
	ModTime  time.Time // WriteOptions.ModTime where Stat, Copy or Put knows it, else the store's own
	Version  string    // changes whenever the bytes do: an ETag, a generation; never "" for an object
	Sum      uint64    // of the whole object, by the driver's Checksum, if HasSum
	HasSum   bool
	MD5      []byte // of the whole object, where the store tells it; else nil
	IsPrefix bool   // a common prefix: more keys lie under Key. Only Key is set, and ModTime where folders have one

	// Metadata is what WriteOptions.Metadata and CommitOptions.Metadata said, with what other
	// tools have added. Stat and ReadRange tell it, listings need not.
	Metadata map[string]string

	// Native is what else the driver knows of the object, for itself: it need not ask again when
	// the Info comes back to it in Copy or Move. Nobody else looks at it.
	Native any
}

// IsMarker reports whether the key is that of a folder marker.
func (i Info) IsMarker() bool { return len(i.Key) > 0 && i.Key[len(i.Key)-1] == '/' }

// ListOptions selects a page of keys.
type ListOptions struct {
	Prefix    string // "" or any beginning of a key
	Recursive bool   // all keys; else those without a further "/", and common prefixes
	Token     string // Page.Next of the page before; "" for the first
	Max       int    // entries at the most; 0 for the store's own page size
}

// Page is a part of a listing. A page may be empty and still not be the last.
type Page struct {
	Entries []Info
	Next    string // Token of the next page, "" after the last
}

// WriteOptions says under which conditions an object is written, and with what beside its bytes.
type WriteOptions struct {
	IfAbsent  bool   // ErrExist if the key is taken when the write takes effect
	IfVersion string // ErrChanged unless this is then the current version; "" for any

	// Base is an object, at the same key, whose first BaseSize bytes the upload begins with;
	// they are taken inside the store, of exactly Base.Version. Only for StartUpload, with
	// BaseSize ≥ Limits.MinBase; needs CapBase, and CapBasePart if BaseSize < Base.Size.
	Base     *Info
	BaseSize int64

	ModTime     time.Time // kept with the object; zero for the time of writing
	ContentType string    // "" for the store's default

	// Metadata is kept with the object: keys of lower-case letters and digits, values of
	// printable ASCII. Copy and Move add it to what the source has.
	Metadata map[string]string

	Tags         map[string]string // needs CapTags; nil for none, or those of Copy's source
	StorageClass string            // the vendor's word; needs CapStorageClass; "" for the driver's own
}

// IsZero reports whether o says nothing.
func (o WriteOptions) IsZero() bool {
	return !o.IfAbsent && o.IfVersion == "" && o.Base == nil && o.ModTime.IsZero() && o.ContentType == "" &&
		len(o.Metadata) == 0 && len(o.Tags) == 0 && o.StorageClass == ""
}

// CommitOptions is what the writer knows of the whole object.
type CommitOptions struct {
	Size   int64  // of Base and all parts together
	Sum    uint64 // of the same, by the driver's Checksum, if HasSum
	HasSum bool

	// Metadata is kept with the object beside that of WriteOptions; needs CapCommitMetadata.
	Metadata map[string]string
}

// Caps is the set of abilities that not every store has. The Store has a fallback for each.
type Caps uint32

// The optional abilities.
const (
	CapParallelParts  Caps = 1 << iota // parts may be put concurrently, in any order, and again
	CapResume                          // ResumeUpload and Upload.Parts
	CapBase                            // WriteOptions.Base
	CapCopy                            // Copy
	CapMove                            // Move: atomic, with its conditions
	CapFolders                         // folders exist by themselves: Move renames them, Delete refuses a full one
	CapIfAbsent                        // WriteOptions.IfAbsent
	CapIfVersion                       // WriteOptions.IfVersion, Target.Version
	CapTellsAbsent                     // Delete answers ErrNotExist for what is not there
	CapMetadata                        // WriteOptions.Metadata
	CapCommitMetadata                  // CommitOptions.Metadata too
	CapTags                            // WriteOptions.Tags
	CapStorageClass                    // WriteOptions.StorageClass
	CapBasePart                        // a BaseSize below Base.Size: a part of an object can be taken
)

// Has reports whether all of want are in c.
func (c Caps) Has(want Caps) bool { return c&want == want }

// Limits is what the store allows. All but Checksum and MinBase are above zero.
type Limits struct {
	MaxObject   int64 // bytes of an object
	MaxPut      int64 // bytes of one Put
	MinPart     int64 // bytes of every part but the last
	MaxPart     int64
	MaxParts    int
	MinBase     int64 // least BaseSize
	MaxKey      int   // bytes of a key, and no key that is longer passes CheckKey
	DeleteBatch int   // keys of one Delete
	Checksum    Checksum
}
