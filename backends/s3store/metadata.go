package s3store

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/tidegate/tidegate/backends"
)

// The keys of user metadata ("x-amz-meta-…") that this package writes and reads for itself. What
// it tells of an object's metadata is the rest.
const (
	// metaModTime is WriteOptions.ModTime, as rclone keeps it: decimal seconds since 1970.
	metaModTime = "mtime"
	// metaToken names the write that made the object (resolve.go).
	metaToken = "upload-id"
)

// newToken returns a name for one write.
func newToken() string { return rand.Text() }

// metadata returns the user metadata of a write.
func metadata(opts backends.WriteOptions, token string) map[string]string {
	meta := make(map[string]string, len(opts.Metadata)+2)
	maps.Copy(meta, opts.Metadata)
	meta[metaToken] = token
	if !opts.ModTime.IsZero() {
		meta[metaModTime] = formatModTime(opts.ModTime)
	}
	return meta
}

// others returns what is in meta besides this package's own.
func others(meta map[string]string) map[string]string {
	rest := make(map[string]string, len(meta))
	maps.Copy(rest, meta)
	delete(rest, metaModTime)
	delete(rest, metaToken)
	return rest
}

// modTime returns what meta says, or else the store's own time.
func modTime(meta map[string]string, stored *time.Time) time.Time {
	if text, ok := meta[metaModTime]; ok {
		if t, err := parseModTime(text); err == nil {
			return t
		}
	}
	return aws.ToTime(stored)
}

func formatModTime(t time.Time) string {
	sec, nsec, sign := t.Unix(), int64(t.Nanosecond()), ""
	if sec < 0 {
		// Unix rounds down and Nanosecond counts up from there; the text counts down from zero.
		sign, sec = "-", -sec
		if nsec > 0 {
			sec, nsec = sec-1, int64(time.Second)-nsec
		}
	}
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%s%d.%09d", sign, sec, nsec), "0"), ".")
}

func parseModTime(text string) (time.Time, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	sec, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	const digits = 9
	if len(fraction) > digits {
		fraction = fraction[:digits]
	}
	nsec, err := strconv.ParseUint(fraction+strings.Repeat("0", digits-len(fraction)), 10, 32)
	if err != nil {
		return time.Time{}, err
	}
	if strings.HasPrefix(whole, "-") { // of "-0.5" too
		return time.Unix(sec, -int64(nsec)), nil
	}
	return time.Unix(sec, int64(nsec)), nil
}

// A version is an ETag without its quotes, which some vendors leave out in some answers.

func version(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func quoted(version string) *string { return aws.String(`"` + version + `"`) }

// pinned is the If-Match of a version, nil for any.
func pinned(version string) *string {
	if version == "" {
		return nil
	}
	return quoted(version)
}
