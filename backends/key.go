package backends

import (
	"strings"
	"unicode/utf8"
)

// StatePrefix begins the keys that Tidegate keeps for itself in a store. Users neither see
// nor reach them.
const StatePrefix = ".tidegate/"

// ValidKey reports whether key names an object or, with a "/" at its end, a folder marker:
// UTF-8 without NUL, its elements neither empty nor "." or "..". No store could hold anything
// else and give it back under the same name.
func ValidKey(key string) bool {
	if !utf8.ValidString(key) || strings.IndexByte(key, 0) >= 0 {
		return false
	}
	for element := range strings.SplitSeq(strings.TrimSuffix(key, "/"), "/") {
		if element == "" || element == "." || element == ".." {
			return false
		}
	}
	return true
}

// reserved reports whether key lies in what Tidegate keeps for itself.
func reserved(key string) bool {
	return strings.HasPrefix(key+"/", StatePrefix)
}

// FolderKey returns the marker key of folder: with exactly one "/" at its end, and "" for the
// root of the store.
func FolderKey(folder string) string {
	if folder == "" || strings.HasSuffix(folder, "/") {
		return folder
	}
	return folder + "/"
}
