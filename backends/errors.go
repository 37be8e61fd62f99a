package backends

import (
	"errors"
	"fmt"
)

// Kind classes an error by what a caller can do about it. A Kind is itself an error, so that
// errors.Is(err, ErrNotExist) holds for every *Error of that kind.
type Kind int

// The kinds.
const (
	ErrUnknown     Kind = iota // none of the others
	ErrNotExist                // no such object
	ErrExist                   // the key is taken
	ErrNotEmpty                // the folder holds something
	ErrPermission              // the store refuses these credentials
	ErrInvalid                 // the store cannot hold this key, or the bytes do not match their sum
	ErrChanged                 // the object is no longer the version that was meant
	ErrRange                   // an offset behind the end
	ErrUploadGone              // the unfinished upload has ended
	ErrTooLarge                // more bytes than the store holds in one object
	ErrQuota                   // no space left, or a quota is used up
	ErrUnavailable             // the store cannot be reached, or asks to come back later
	ErrUnsupported             // the store cannot do this
)

var kindTexts = [...]string{
	ErrUnknown:     "store error",
	ErrNotExist:    "does not exist",
	ErrExist:       "already exists",
	ErrNotEmpty:    "folder not empty",
	ErrPermission:  "permission denied",
	ErrInvalid:     "invalid",
	ErrChanged:     "changed meanwhile",
	ErrRange:       "offset behind the end",
	ErrUploadGone:  "upload has ended",
	ErrTooLarge:    "too large",
	ErrQuota:       "out of space",
	ErrUnavailable: "store unavailable",
	ErrUnsupported: "not supported by the store",
}

func (k Kind) Error() string { return kindTexts[k] }

// Error is a failed operation on a store.
type Error struct {
	Op   string // what was being done: "stat", "put part"
	Key  string // the key it was done to, "" for none
	Kind Kind
	Err  error // the vendor's error; may be nil
}

// NewError returns an Error. For a nil err the Kind is all there is to say.
func NewError(op, key string, kind Kind, err error) *Error {
	return &Error{Op: op, Key: key, Kind: kind, Err: err}
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%s %q: %v", e.Op, e.Key, e.Kind)
	}
	return fmt.Sprintf("%s %q: %v: %v", e.Op, e.Key, e.Kind, e.Err)
}

// Unwrap makes both the Kind and the vendor's error match errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// UnendedError is a failure that may have left an upload in the store, for Upload.Abort to end. A
// driver returns it where it could not end the upload at once.
type UnendedError struct {
	Upload Upload // only to be aborted
	Err    error
}

func (e *UnendedError) Error() string { return e.Err.Error() }

// Unwrap returns the failure.
func (e *UnendedError) Unwrap() error { return e.Err }

// KindOf returns the Kind in err's chain, or ErrUnknown.
func KindOf(err error) Kind {
	var k Kind
	if errors.As(err, &k) {
		return k
	}
	return ErrUnknown
}
