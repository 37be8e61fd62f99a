package gcsstore

import (
	"crypto/rand"
	"maps"
	"strconv"
	"time"

	"cloud.google.com/go/storage"

	"github.com/tidegate/tidegate/backends"
)

// The keys of custom metadata that this package writes and reads.
const (
	// metaModTime is WriteOptions.ModTime, as rclone keeps it: RFC 3339 with nanoseconds.
	metaModTime = "mtime"
	// metaModSeconds is the same as gcloud and gsutil keep it: decimal seconds since 1970.
	metaModSeconds = "goog-reserved-file-mtime"
	// metaToken names the write that made the object (resolve.go).
	metaToken = "upload-id"
)

// newToken returns a name for one write.
func newToken() string { return rand.Text() }

// metadata returns the custom metadata that opts ask for, without a token.
func metadata(opts backends.WriteOptions) map[string]string {
	meta := maps.Clone(opts.Metadata)
	if meta == nil {
		meta = make(map[string]string)
	}
	if !opts.ModTime.IsZero() {
		meta[metaModTime] = opts.ModTime.Format(time.RFC3339Nano)
		meta[metaModSeconds] = strconv.FormatInt(opts.ModTime.Unix(), 10)
	}
	return meta
}

// signed returns the metadata of a write that can be asked for by its token.
func signed(opts backends.WriteOptions, token string) map[string]string {
	meta := metadata(opts)
	meta[metaToken] = token
	return meta
}

// modTime returns what meta says, or else the store's own time, to the second as a read tells it.
func modTime(meta map[string]string, stored time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, meta[metaModTime]); err == nil {
		return t
	}
	if seconds, err := strconv.ParseInt(meta[metaModSeconds], 10, 64); err == nil {
		return time.Unix(seconds, 0)
	}
	return stored.Truncate(time.Second)
}

// custom returns what is in meta beside what this package writes for itself.
func custom(meta map[string]string) map[string]string {
	others := make(map[string]string, len(meta))
	for key, value := range meta {
		switch key {
		case metaModTime, metaModSeconds, metaToken:
		default:
			others[key] = value
		}
	}
	if len(others) == 0 {
		return nil
	}
	return others
}

// infoOf describes an object of which all is known. The store knows no sum of one whose key it has not.
func infoOf(attrs *storage.ObjectAttrs) backends.Info {
	return backends.Info{
		Key:      attrs.Name,
		Size:     attrs.Size,
		ModTime:  modTime(attrs.Metadata, attrs.Updated),
		Version:  version(attrs.Generation),
		Sum:      uint64(attrs.CRC32C),
		HasSum:   hasSum(attrs.CRC32C, attrs.Size),
		MD5:      attrs.MD5,
		Metadata: custom(attrs.Metadata),
		Native:   attrs,
	}
}

// hasSum tells a CRC32C that is 0 from one that was not said; one in four billion is not used.
func hasSum(crc uint32, size int64) bool { return crc != 0 || size == 0 }

// A version is a generation in decimal.

func version(generation int64) string { return strconv.FormatInt(generation, 10) }

// generation returns the one that version names. No object has what is not one: it is the
// condition that never holds.
func generation(version string) int64 {
	const never = 1
	g, err := strconv.ParseInt(version, 10, 64)
	if err != nil || g <= 0 {
		return never
	}
	return g
}

// pinned lets a request on handle be done for that version only; "" is any.
func pinned(handle *storage.ObjectHandle, version string) *storage.ObjectHandle {
	if version == "" {
		return handle
	}
	return handle.If(storage.Conditions{GenerationMatch: generation(version)})
}

// conditions are those of a write, nil for none.
func conditions(opts backends.WriteOptions) *storage.Conditions {
	switch {
	case opts.IfAbsent:
		return &storage.Conditions{DoesNotExist: true}
	case opts.IfVersion != "":
		return &storage.Conditions{GenerationMatch: generation(opts.IfVersion)}
	}
	return nil
}

// under returns handle with the conditions of a write.
func under(handle *storage.ObjectHandle, opts backends.WriteOptions) *storage.ObjectHandle {
	if must := conditions(opts); must != nil {
		return handle.If(*must)
	}
	return handle
}
