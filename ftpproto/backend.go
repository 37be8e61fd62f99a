package ftpproto

import (
	"context"
	"crypto/tls"
	"io"
	"iter"
	"net/netip"
	"time"
)

// Backend is what the server serves: it makes one Session per control connection.
// It is called concurrently.
type Backend interface {
	// NewSession is called once a control connection is accepted and before it is greeted.
	// ctx ends with the connection. An error refuses the connection: its reply (ReplyTo)
	// is sent instead of the greeting, 421 for an error that carries none.
	NewSession(ctx context.Context, c ConnInfo) (Session, error)
}

// ConnInfo describes a control connection to a Backend.
type ConnInfo struct {
	ID       string         // unique in this process; the "session" of every log line
	Remote   netip.AddrPort // the client
	Local    netip.AddrPort // the address it came to
	Listener string         // the configured address of the listener, "127.0.0.1:2121"
}

// Session is one control connection. The server calls its methods one at a time.
type Session interface {
	// Login authenticates a user and returns what that user may see. It is called once per PASS,
	// and again after REIN. An error that carries no reply is answered 530, without its text.
	Login(ctx context.Context, c Credentials) (FileSystem, error)

	// Close ends the session. It is called exactly once, after the last use of its file systems.
	Close() error
}

// Credentials is what a client has shown of itself by the time of PASS.
type Credentials struct {
	User, Password string
	TLS            *tls.ConnectionState // of the control connection; nil in clear
}

// FileSystem is the tree that a logged-in user sees. Names are absolute, cleaned and
// "/"-separated; the root is "/". Several methods may run at once: a transfer goes on while
// the client asks for other things.
//
// An error made by NewError (or wrapping one) is sent as that reply. Any other error is logged
// and answered with a fixed text, so that nothing internal reaches a client.
type FileSystem interface {
	// Stat describes name. want says which kind the caller can use, so that a store need not
	// look for the other: for want FileKind, a folder of that name is ErrNotExist or ErrNotFile.
	Stat(ctx context.Context, name string, want Kind) (FileInfo, error)

	// ReadDir yields the entries of folder name in name order, without "." and "..".
	// After it has yielded an error it yields no more. A name that is no folder yields
	// ErrNotExist or ErrNotDir first.
	ReadDir(ctx context.Context, name string) iter.Seq2[FileInfo, error]

	// Open reads file name from byte off to its end, all of one version of it.
	// An off behind the end is ErrRange; an off at the end reads nothing. When ctx ends, so
	// does a Read that waits. A reader that is also an io.WriterTo is handed the data connection.
	Open(ctx context.Context, name string, off int64) (io.ReadCloser, error)

	// Create begins an upload to name. Nothing is visible, and what name holds stays as it
	// is, until the File is committed. When ctx ends, so does a Write that waits.
	Create(ctx context.Context, name string, opts CreateOptions) (File, error)

	// Mkdir makes a folder and the parents that it lacks; ErrExist if name is there.
	Mkdir(ctx context.Context, name string) error
	// Rmdir removes an empty folder.
	Rmdir(ctx context.Context, name string) error
	// Remove removes a file, never a folder.
	Remove(ctx context.Context, name string) error
	// Rename moves a file or a folder; info is what Stat answered for from (RNFR), so that it
	// need not be asked again. It replaces a file at "to".
	Rename(ctx context.Context, from string, info FileInfo, to string) error
}

// TimeSetter is a FileSystem that can keep a file's modification time (MFMT).
type TimeSetter interface {
	// SetModTime changes the time that Stat tells of file name to t, which UnixNano can express.
	SetModTime(ctx context.Context, name string, t time.Time) error
}

// Hasher is a FileSystem that tells the sums of files (HASH, XCRC and the like).
type Hasher interface {
	// Hash returns the sum of file name, of its bytes from "from" up to, and without, "to"; a
	// to < 0 means up to its end. ErrRange if the file ends before one of them. All bytes are of
	// one version of the file. Reading it may take long: when ctx ends, so does Hash.
	Hash(ctx context.Context, name string, algorithm HashAlgorithm, from, to int64) (Digest, error)
}

// Digest is what a Hasher says of a file.
type Digest struct {
	Sum   []byte // as HashAlgorithm.New gives it; of a CRC the highest byte first
	Bytes int64  // that were summed
}

// Kind says what a name is asked for as.
type Kind int

// The kinds a caller of FileSystem.Stat can want.
const (
	AnyKind Kind = iota
	FileKind
	DirKind
)

// FileInfo describes one entry of a folder.
type FileInfo struct {
	Name    string // last element of its path; "/" for the root
	Size    int64  // bytes; 0 for a folder
	ModTime time.Time
	IsDir   bool
	Unique  string // the same for two names of one file (RFC 3659 §7.5.2), "" if not known
	Perm    Perm   // what this user may do with it
	Sys     any    // the file system's own, for Rename
}

// CreateOptions says how an upload relates to what its name holds now.
type CreateOptions struct {
	Offset    int64 // keep this many leading bytes and write behind them (REST); 0 writes all anew
	Append    bool  // keep all bytes and write behind them (APPE)
	Exclusive bool  // fail with ErrExist at the latest at Commit if the name is taken (STOU)
	SizeHint  int64 // bytes that the client announced by ALLO; 0 if it did not. Only a hint
}

// File is one upload. The server calls exactly one of Commit or Abort, after the last Write.
// A File that is also an io.ReaderFrom is handed the data connection itself, and reads it into
// its own buffers.
type File interface {
	io.Writer

	// Commit publishes the upload as a whole. When it returns nil the file is durable and
	// visible; when it does not, what the name held before is unchanged.
	Commit(ctx context.Context) error

	// Abort ends the upload without publishing it; cause says why. It is called with a
	// context that outlives the client.
	Abort(ctx context.Context, cause error) error
}
