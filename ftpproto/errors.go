package ftpproto

import (
	"errors"
	"fmt"
)

// Error is a failure with the FTP reply that tells it to the client.
type Error struct {
	Code int    // reply code, 400 to 599
	Text string // one line for the client; says nothing internal
	Err  error  // the cause, for the log; may be nil
}

// NewError returns an Error. Two Errors of one code and text are equal under errors.Is.
func NewError(code int, text string, cause error) *Error {
	return &Error{Code: code, Text: text, Err: cause}
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("%d %s", e.Code, e.Text)
	}
	return fmt.Sprintf("%d %s: %v", e.Code, e.Text, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an Error with the same reply.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error) // one link of the chain
	return ok && t.Code == e.Code && t.Text == e.Text
}

// What a FileSystem answers. Each is matched by errors.Is.
var (
	ErrNotExist = NewError(550, "No such file or directory.", nil)
	ErrExist    = NewError(550, "File exists.", nil)
	ErrNotFile  = NewError(550, "Not a plain file.", nil)
	ErrNotDir   = NewError(550, "Not a directory.", nil)
	ErrNotEmpty = NewError(550, "Directory not empty.", nil)
	ErrDenied   = NewError(550, "Permission denied.", nil)
	ErrName     = NewError(553, "File name not allowed.", nil)
	ErrRange    = NewError(554, "Restart offset is behind the end of the file.", nil)
)

// ReplyTo returns the reply code and text for err: those of the *Error in its chain, or else
// the given ones.
func ReplyTo(err error, code int, text string) (int, string) {
	var e *Error
	if errors.As(err, &e) {
		return e.Code, e.Text
	}
	return code, text
}
