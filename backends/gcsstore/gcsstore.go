// Package gcsstore is the driver for Google Cloud Storage.
//
// A write is one insert whose CRC32C, computed while the buffers filled, goes ahead of the bytes:
// the store publishes all of them or nothing. An upload in parts is made of hidden objects, one a
// part, that a Compose joins at Commit (upload.go, compose.go): Google's own resumable uploads
// take no parts in parallel, and their names do not survive a process.
//
// A version is a generation in decimal. Setting an object's time or metadata changes neither its
// bytes nor its generation.
//
// It uses these rights, of which roles/storage.objectUser holds all:
//
//	storage.objects.create  every write
//	storage.objects.delete  every write onto a key that is taken, uploads in parts, Delete, Move
//	storage.objects.get     Stat, reads, Copy, uploads in parts
//	storage.objects.list    listings; to find again and to end uploads in parts
//	storage.objects.update  Copy onto itself: the time and the metadata of an object
//	storage.objects.move    Move
//
// and storage.objects.setIamPolicy where Options.ACL is set, serviceusage.services.use on the project
// where UserProject is. For a drop box that can only be written to, create alone is enough for what fits
// one Put; for more, the other rights are needed on the objects below ".tidegate/uploads/", which a
// condition of the role can say.
package gcsstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"cloud.google.com/go/storage"
	rawstorage "google.golang.org/api/storage/v1"

	"github.com/tidegate/tidegate/backends"
)

const (
	tebi = 1 << 40

	// maxObject is the largest object, and the most that one insert takes.
	maxObject = 5 * tebi
	// maxParts is no limit of the store, which composes any number in steps. It is enough to reach
	// maxObject with parts that begin small and grow, and keeps what an upload remembers small.
	maxParts = 100_000
	// minBase is where taking a base inside the store begins to pay: it is six requests, and to read
	// so few bytes and put them again is two. A logger that appends to a small file gains by that.
	minBase = 256 << 10
	// maxKey is the most bytes of a key.
	maxKey = 1024
	// maxPage is the most entries of a listing.
	maxPage = 1000
	// deleteBatch is what one Delete takes, parallelDeletes how many of it are under way: the
	// store deletes objects one at a time.
	deleteBatch     = 256
	parallelDeletes = 32
)

// Driver is one bucket. It is made by New and holds one client and its connections, which all
// sessions share.
type Driver struct {
	opts       Options
	tune       tuning
	encryption []byte // Options.EncryptionKey; nil for none
	endpoint   string // with scheme and host
	transport  *authorized
	client     *http.Client
	bucket     *storage.BucketHandle
	composer   *rawstorage.ObjectsService // for what the bucket's handle cannot say (compose.go)
}

var _ backends.Driver = (*Driver)(nil)

// New returns the driver of a bucket. It makes no request: Check tells whether the bucket can
// be used. ctx is only used to set up the library.
func New(ctx context.Context, opts Options) (*Driver, error) {
	return newDriver(ctx, opts, defaultTuning())
}

func newDriver(ctx context.Context, opts Options, tune tuning) (*Driver, error) {
	if err := opts.validate(); err != nil {
		return nil, err
	}
	opts.Endpoint = opts.endpoint()
	d := &Driver{opts: opts, tune: tune, encryption: opts.encryption()}
	if err := d.connect(ctx); err != nil {
		return nil, err
	}
	return d, nil
}

// Describe implements backends.Driver.
func (d *Driver) Describe() (backends.Caps, backends.Limits) {
	caps := backends.CapParallelParts | backends.CapResume | backends.CapBase | backends.CapCopy |
		backends.CapIfAbsent | backends.CapIfVersion | backends.CapTellsAbsent |
		backends.CapMetadata | backends.CapCommitMetadata | backends.CapStorageClass
	if d.moves() {
		caps |= backends.CapMove
	}
	return caps, backends.Limits{
		MaxObject:   maxObject,
		MaxPut:      maxObject,
		MinPart:     1,
		MinBase:     minBase,
		MaxPart:     maxObject,
		MaxParts:    maxParts,
		MaxKey:      maxKey,
		DeleteBatch: deleteBatch,
		Checksum:    backends.CRC32C,
	}
}

// moves reports whether the store renames objects: emulators answer 400 to that.
func (d *Driver) moves() bool { return d.opts.google() || d.tune.moves }

// CheckKey implements backends.Driver. Google takes empty elements, and dots for elements. What is
// below the folder of uploads would not be listed.
func (d *Driver) CheckKey(key string) error {
	const op = "check key"
	switch {
	case key == "" || key == "." || key == "..", strings.ContainsAny(key, "\r\n\x00"), strings.HasPrefix(key, ".well-known/acme-challenge/"):
		return backends.NewError(op, key, backends.ErrInvalid, errors.New("not a name that Google Cloud Storage takes"))
	case !utf8.ValidString(key):
		return backends.NewError(op, key, backends.ErrInvalid, errors.New("not UTF-8"))
	case strings.HasPrefix(key+"/", uploadsPrefix):
		return backends.NewError(op, key, backends.ErrInvalid, errors.New("kept for unfinished uploads"))
	case len(key) > maxKey:
		return backends.NewError(op, key, backends.ErrInvalid, fmt.Errorf("%d bytes; the store takes %d", len(key), maxKey))
	}
	return nil
}

// Close implements backends.Driver.
func (d *Driver) Close() error {
	d.transport.CloseIdleConnections()
	return nil
}

// object returns the handle of a key, for requests that read or write its bytes.
func (d *Driver) object(key string) *storage.ObjectHandle {
	handle := d.bucket.Object(key)
	if d.encryption != nil {
		handle = handle.Key(d.encryption)
	}
	return handle
}

// encrypt adds Options.EncryptionKey to a request that is not made by a handle.
func (d *Driver) encrypt(header http.Header) {
	if d.encryption == nil {
		return
	}
	hash := sha256.Sum256(d.encryption)
	header.Set("X-Goog-Encryption-Algorithm", "AES256")
	header.Set("X-Goog-Encryption-Key", base64.StdEncoding.EncodeToString(d.encryption))
	header.Set("X-Goog-Encryption-Key-Sha256", base64.StdEncoding.EncodeToString(hash[:]))
}

// admit refuses what no request could carry, and an ended context before anything is begun
// that would outlast it.
func (d *Driver) admit(ctx context.Context, op, key string, opts backends.WriteOptions) error {
	if err := ctx.Err(); err != nil {
		return backends.NewError(op, key, backends.ErrUnknown, err)
	}
	if len(key) > maxKey {
		return d.CheckKey(key)
	}
	if len(opts.Tags) > 0 {
		return backends.NewError(op, key, backends.ErrUnsupported, errors.New("objects of Google Cloud Storage have no tags"))
	}
	return nil
}
