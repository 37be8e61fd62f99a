package s3store

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/tidegate/tidegate/backends"
)

// maxElement is the most bytes between two slashes where they are the name of a file: MinIO's
// disks, and those of others that are made like it.
const maxElement = 255

// CheckKey implements backends.Driver. Amazon's buckets hold all that a URL can carry to them,
// others plain keys.
func (d *Driver) CheckKey(key string) error {
	if !d.traits.aws || d.traits.directory {
		if !plainBackslashes(key) {
			return refuseKey(key, `"." or ".." before or behind a backslash, which counts as a slash`)
		}
		return backends.CheckKey(key, maxKey, maxElement)
	}
	switch {
	case key == "" || !utf8.ValidString(key) || strings.ContainsRune(key, 0):
		return refuseKey(key, "not a key this store can hold")
	case len(key) > maxKey:
		return backends.NewError("check key", key, backends.ErrInvalid, errLongKey)
	case climbs(key):
		return refuseKey(key, `a ".." that leads out of the bucket`)
	case key == "soap" && !d.opts.PathStyle:
		return refuseKey(key, "the bucket's host name has another use for it")
	}
	return nil
}

func refuseKey(key, why string) error {
	return backends.NewError("check key", key, backends.ErrInvalid, errors.New(why))
}

// climbs reports whether the elements of key, read from the left, are ever more ".." than
// others: AWS refuses that.
func climbs(key string) bool {
	depth := 0
	for element := range strings.SplitSeq(key, "/") {
		switch element {
		case "..":
			depth--
		case "", ".":
		default:
			depth++
		}
		if depth < 0 {
			return true
		}
	}
	return false
}

// plainBackslashes reports whether key has no element that MinIO takes for "." or "..": to it a
// backslash is a slash there.
func plainBackslashes(key string) bool {
	for element := range strings.FieldsFuncSeq(key, func(r rune) bool { return r == '/' || r == '\\' }) {
		if element == "." || element == ".." {
			return false
		}
	}
	return true
}
