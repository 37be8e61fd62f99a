package ftptest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidegate/tidegate/ftpproto"
)

// Epoch is what the clock of a new FS shows, so that listings and times are the same in every run.
var Epoch = time.Date(2020, time.February, 20, 20, 20, 20, 0, time.UTC)

// User is someone who may log in to an FS. All users see one tree.
type User struct {
	Name, Password string

	// Deny is what the user may not do; the zero value may do all.
	Deny ftpproto.Perm

	// NoTimes gives the user a file system that is no ftpproto.TimeSetter.
	NoTimes bool

	// NoSums gives the user a file system that is no ftpproto.Hasher.
	NoSums bool
}

// FS is a tree of files in memory, served as an ftpproto.Backend. It keeps the contract of
// ftpproto.FileSystem to the letter, and watches that the server keeps its part: Problems tells
// what was left over and which calls broke the contract.
//
// Its methods may be called while it is served.
type FS struct {
	mu       sync.Mutex
	now      func() time.Time
	users    map[string]User
	nodes    map[string]*node // by absolute, cleaned path; "/" is always there
	hooks    []Hook
	readFrom bool
	nodeSeq  int
	open     map[string]int // what is open now, described, with its count
	breaches []string       // of the contract, by the server
}

// node is a file or folder. Its data are never changed in place, so that readers keep theirs.
type node struct {
	id      int
	dir     bool
	data    []byte
	modTime time.Time
}

// New returns an FS that holds an empty root and has no users.
func New() *FS {
	f := &FS{
		now:   func() time.Time { return Epoch },
		users: map[string]User{},
		nodes: map[string]*node{},
		open:  map[string]int{},
	}
	f.nodes["/"] = f.newNode(true, nil)
	return f
}

// SetClock replaces the clock that new files and folders take their time from.
func (f *FS) SetClock(now func() time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = now
}

// SetReadFrom chooses whether uploads are io.ReaderFrom and so read the data connection
// themselves. At first they are not.
func (f *FS) SetReadFrom(on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readFrom = on
}

// AddUser lets u log in, in place of an earlier user of that name.
func (f *FS) AddUser(u User) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[u.Name] = u
}

// AddFolder makes a folder and its parents. It panics if name is not an absolute, cleaned path
// or a file is in its way.
func (f *FS) AddFolder(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustMakeFolders(name)
}

// AddFile puts a file into the tree, with its parents. A zero modTime means the clock's time.
// It panics as AddFolder does.
func (f *FS) AddFile(name string, data []byte, modTime time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.mustMakeFolders(path.Dir(name))
	n := f.newNode(false, slices.Clone(data))
	if !modTime.IsZero() {
		n.modTime = modTime
	}
	f.nodes[name] = n
}

// Data returns the bytes of file name, and whether there is such a file.
func (f *FS) Data(name string) ([]byte, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.nodes[name]
	if !ok || n.dir {
		return nil, false
	}
	return slices.Clone(n.data), true
}

// Names returns the paths of all files and folders but the root, in order; those of folders
// end in "/".
func (f *FS) Names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name, n := range f.nodes {
		switch {
		case name == "/":
		case n.dir:
			names = append(names, name+"/")
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Problems returns what a server that has ended should have cleaned up (sessions, readers and
// uploads that are still open), and every call that broke the contract of ftpproto.
func (f *FS) Problems() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	problems := slices.Clone(f.breaches)
	for _, what := range slices.Sorted(maps.Keys(f.open)) {
		problems = append(problems, fmt.Sprintf("left open: %s (%d)", what, f.open[what]))
	}
	return problems
}

// Op names an operation that a Hook can stand before.
type Op string

// The operations. The name given to a hook of OpSession is the client's IP address, that of
// OpLogin the user; all others get a path, for OpRename the old one.
const (
	OpSession Op = "session"
	OpLogin   Op = "login"
	OpStat    Op = "stat"
	OpReadDir Op = "readdir"
	OpOpen    Op = "open"
	OpRead    Op = "read"
	OpCreate  Op = "create"
	OpWrite   Op = "write"
	OpCommit  Op = "commit"
	OpAbort   Op = "abort"
	OpMkdir   Op = "mkdir"
	OpRmdir   Op = "rmdir"
	OpRemove  Op = "remove"
	OpRename  Op = "rename"
	OpSetTime Op = "settime"
	OpHash    Op = "hash"
)

func (op Op) known() bool {
	switch op {
	case OpSession, OpLogin, OpStat, OpReadDir, OpOpen, OpRead, OpCreate, OpWrite, OpCommit, OpAbort,
		OpMkdir, OpRmdir, OpRemove, OpRename, OpSetTime, OpHash:
		return true
	}
	return false
}

// Hook stands before an operation on a name and may block it or make it fail.
type Hook struct {
	Op   Op
	Name string // "" for every name

	// At is, for OpRead and OpWrite, the number of bytes of this transfer that pass before the
	// hook stands in the way.
	At int64

	// Do is called without any lock held; its error is the operation's. ctx is the operation's
	// own, for OpRead and OpWrite the one that Open and Create got.
	Do func(ctx context.Context) error
}

// AddHook sets h before its operation. The first hook that fits is the one that is called.
func (f *FS) AddHook(h Hook) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hooks = append(f.hooks, h)
}

// Fail is a Hook's Do that fails with err.
func Fail(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

// Block is a Hook's Do that waits until the operation's context ends.
func Block(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// before runs the hook of op on name.
func (f *FS) before(ctx context.Context, op Op, name string) error {
	h, ok := f.hook(op, name)
	if !ok {
		return nil
	}
	return h.Do(ctx)
}

func (f *FS) hook(op Op, name string) (Hook, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.IndexFunc(f.hooks, func(h Hook) bool { return h.Op == op && (h.Name == "" || h.Name == name) })
	if i < 0 {
		return Hook{}, false
	}
	return f.hooks[i], true
}

// opened and closed count what is open; f.mu is not held.
func (f *FS) opened(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open[what]++
}

func (f *FS) closed(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open[what]--; f.open[what] == 0 {
		delete(f.open, what)
	}
}

// breach notes a call that the server must not make; f.mu is not held.
func (f *FS) breach(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.breaches = append(f.breaches, "breach of contract: "+fmt.Sprintf(format, args...))
}

// The rest works on the tree with f.mu held.

func (f *FS) newNode(dir bool, data []byte) *node {
	f.nodeSeq++
	return &node{id: f.nodeSeq, dir: dir, data: data, modTime: f.now()}
}

// makeFolders makes folder name and its parents; it fails if a file is in the way.
func (f *FS) makeFolders(name string) error {
	if n, ok := f.nodes[name]; ok {
		if !n.dir {
			return ftpproto.ErrNotDir
		}
		return nil
	}
	if err := f.makeFolders(path.Dir(name)); err != nil {
		return err
	}
	f.nodes[name] = f.newNode(true, nil)
	return nil
}

func (f *FS) find(name string) (*node, error) {
	if n, ok := f.nodes[name]; ok {
		return n, nil
	}
	return nil, ftpproto.ErrNotExist
}

// canHold fails if a file is where folder name or one of its parents is wanted.
func (f *FS) canHold(name string) error {
	for ; name != "/"; name = path.Dir(name) {
		if n, ok := f.nodes[name]; ok && !n.dir {
			return ftpproto.ErrNotDir
		}
	}
	return nil
}

func (f *FS) mustMakeFolders(name string) {
	if !isClean(name) {
		panic(fmt.Sprintf("ftptest: %q is no absolute, cleaned path", name))
	}
	if err := f.makeFolders(name); err != nil {
		panic(fmt.Sprintf("ftptest: folder %q: %v", name, err))
	}
}

// isClean tells whether name is as the contract has it: absolute and cleaned.
func isClean(name string) bool {
	return path.IsAbs(name) && path.Clean(name) == name && !strings.ContainsRune(name, 0)
}

func (f *FS) findFile(name string) (*node, error) {
	n, err := f.find(name)
	if err == nil && n.dir {
		return nil, ftpproto.ErrNotFile
	}
	return n, err
}

func (f *FS) findFolder(name string) (*node, error) {
	n, err := f.find(name)
	if err == nil && !n.dir {
		return nil, ftpproto.ErrNotDir
	}
	return n, err
}

// children returns the paths of what folder name holds, in name order.
func (f *FS) children(name string) []string {
	var names []string
	for other := range f.nodes {
		if other != "/" && path.Dir(other) == name {
			names = append(names, other)
		}
	}
	slices.Sort(names)
	return names
}

// move renames from and all below it to "to".
func (f *FS) move(from, to string) {
	moved := map[string]*node{}
	for name, n := range f.nodes {
		if name == from || strings.HasPrefix(name, from+"/") {
			moved[to+name[len(from):]] = n
			delete(f.nodes, name)
		}
	}
	maps.Copy(f.nodes, moved)
}

// Errors without a reply of their own. What they say must never reach a client.
var (
	errWrongLogin = errors.New("internal: wrong user or password")
	errStore      = errors.New("internal: the store has failed")
)
