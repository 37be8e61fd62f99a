package backends

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// StatePrefix begins the keys that Tidegate keeps for itself in a store. Users neither see
// nor reach them.
const StatePrefix = ".tidegate/"

// CheckKey is the Driver method of a store that keeps plain keys (ValidKey), with so many bytes
// at the most; 0 for an element's length means any.
func CheckKey(key string, maxKey, maxElement int) error {
	switch {
	case !ValidKey(key):
		return NewError("check key", key, ErrInvalid, errors.New("not a key this store can hold"))
	case len(key) > maxKey:
		return NewError("check key", key, ErrInvalid, fmt.Errorf("%d bytes; the store takes %d", len(key), maxKey))
	}
	for element := range strings.SplitSeq(key, "/") {
		if maxElement > 0 && len(element) > maxElement {
			return NewError("check key", key, ErrInvalid, fmt.Errorf("%d bytes between two slashes; the store takes %d", len(element), maxElement))
		}
	}
	return nil
}

// ValidKey reports whether key is plain: UTF-8 without NUL, its elements neither empty nor "."
// or "..", but for a "/" at the end. Every store can hold such a key if it is short enough.
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

// hadoopSuffix ends the keys by which Hadoop and tools of its family mark a folder: the empty
// object "a/b_$folder$" stands for the folder "a/b/".
const hadoopSuffix = "_$folder$"

// hadoopMarker returns the key of the marker that such a tool would write for folder.
func hadoopMarker(folder string) string {
	return strings.TrimSuffix(folder, "/") + hadoopSuffix
}

// hadoopFolder returns the folder, with its "/", that info marks in that way; "" if it is none of
// these markers. An object that is not empty is a file whatever its name. Stores with folders
// of their own (CapFolders) have no need of such markers, and a file of such a name is a file there.
func hadoopFolder(info Info) string {
	folder, ok := strings.CutSuffix(info.Key, hadoopSuffix)
	if !ok || info.Size > 0 || info.IsPrefix || folder == "" || strings.HasSuffix(folder, "/") {
		return ""
	}
	return folder + "/"
}
