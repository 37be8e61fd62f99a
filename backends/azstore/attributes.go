package azstore

import (
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"

	"github.com/tidegate/tidegate/backends"
)

// The keys of metadata ("x-ms-meta-…") that this package writes and reads for itself. Azure takes
// identifiers of C# only, and does not tell upper from lower case.
const (
	// metaModTime is WriteOptions.ModTime, as rclone keeps it on Azure.
	metaModTime = "mtime"
	// modTimeFormat is RFC 3339 with nanoseconds always.
	modTimeFormat = "2006-01-02T15:04:05.000000000Z07:00"
	// metaToken names the write that made the blob (resolve.go).
	metaToken = "uploadid"
	// metaFolder marks a blob that stands for the folder of its name (marker.go).
	metaFolder = "hdi_isfolder"
)

// metadata returns the metadata of a write, behind what the blob is to keep.
func metadata(kept map[string]string, opts backends.WriteOptions, token string) map[string]*string {
	meta := make(map[string]string, len(kept)+len(opts.Metadata)+2)
	maps.Copy(meta, kept)
	maps.Copy(meta, opts.Metadata)
	meta[metaToken] = token
	if !opts.ModTime.IsZero() {
		meta[metaModTime] = opts.ModTime.UTC().Format(modTimeFormat)
	}
	pointers := make(map[string]*string, len(meta))
	for name, value := range meta {
		pointers[name] = &value
	}
	return pointers
}

// plain returns metadata as the SDK tells it with its keys in lower case: of headers it knows no other.
func plain(meta map[string]*string) map[string]string {
	all := make(map[string]string, len(meta))
	for name, value := range meta {
		all[strings.ToLower(name)] = deref(value)
	}
	return all
}

// others returns what is in meta besides this package's own.
func others(meta map[string]string) map[string]string {
	rest := maps.Clone(meta)
	for _, own := range []string{metaModTime, metaToken, metaFolder} {
		delete(rest, own)
	}
	return rest
}

// modTime returns what meta says, or else the store's own time.
func modTime(meta map[string]string, stored *time.Time) time.Time {
	if t, err := time.Parse(time.RFC3339Nano, meta[metaModTime]); err == nil {
		return t
	}
	return deref(stored)
}

// written returns the time of an object just written.
func written(opts backends.WriteOptions, stored *time.Time) time.Time {
	if !opts.ModTime.IsZero() {
		return opts.ModTime
	}
	return deref(stored)
}

// conditions returns those of a write.
func conditions(opts backends.WriteOptions) *blob.AccessConditions {
	if !opts.IfAbsent && opts.IfVersion == "" {
		return nil
	}
	var c blob.ModifiedAccessConditions
	if opts.IfAbsent {
		c.IfNoneMatch = to.Ptr(azcore.ETagAny)
	}
	c.IfMatch = pinned(opts.IfVersion)
	return &blob.AccessConditions{ModifiedAccessConditions: &c}
}

// exactly is the condition that a version is current, none for "".
func exactly(version string) *blob.AccessConditions {
	return conditions(backends.WriteOptions{IfVersion: version})
}

// tier returns the access tier of a write, nil for the account's own.
func (d *Driver) tier(opts backends.WriteOptions) *blob.AccessTier {
	name := opts.StorageClass
	if name == "" {
		name = d.opts.Tier
	}
	if name == "" {
		return nil
	}
	return to.Ptr(blob.AccessTier(name))
}

// headers returns the content type of a write, nil for the store's default.
func headers(opts backends.WriteOptions) *blob.HTTPHeaders {
	if opts.ContentType == "" {
		return nil
	}
	return &blob.HTTPHeaders{BlobContentType: &opts.ContentType}
}

// encryption is what a request says of it, each nil where there is nothing to say.
type encryption struct {
	key    *blob.CPKInfo
	source *blob.SourceCPKInfo // the same, for what the store reads by itself
	scope  *blob.CPKScopeInfo
}

func newEncryption(opts Options) encryption {
	var e encryption
	if opts.EncryptionScope != "" {
		e.scope = &blob.CPKScopeInfo{EncryptionScope: &opts.EncryptionScope}
	}
	if opts.CustomerKey != "" {
		key, _ := base64.StdEncoding.DecodeString(opts.CustomerKey) // Options.resolve has tried it
		sum := sha256.Sum256(key)
		algorithm, hash := to.Ptr(blob.EncryptionAlgorithmTypeAES256), to.Ptr(base64.StdEncoding.EncodeToString(sum[:]))
		e.key = &blob.CPKInfo{EncryptionAlgorithm: algorithm, EncryptionKey: &opts.CustomerKey, EncryptionKeySHA256: hash}
		e.source = &blob.SourceCPKInfo{SourceEncryptionAlgorithm: algorithm, SourceEncryptionKey: &opts.CustomerKey, SourceEncryptionKeySHA256: hash}
	}
	return e
}

// A version is an ETag without its quotes, which listings leave out.

func version(etag *azcore.ETag) string { return strings.Trim(string(deref(etag)), `"`) }

// pinned is the ETag of a version, nil for any.
func pinned(version string) *azcore.ETag {
	if version == "" {
		return nil
	}
	return to.Ptr(azcore.ETag(`"` + version + `"`))
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
