package ftptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tidegate/tidegate/ftpproto"
)

// NewSession implements ftpproto.Backend.
func (f *FS) NewSession(ctx context.Context, c ftpproto.ConnInfo) (ftpproto.Session, error) {
	if err := f.before(ctx, OpSession, c.Remote.Addr().Unmap().String()); err != nil {
		return nil, err
	}
	s := &session{fs: f, what: "session " + c.ID}
	f.opened(s.what)
	return s, nil
}

// session is one control connection to an FS.
type session struct {
	fs     *FS
	what   string
	busy   atomic.Bool
	closed atomic.Bool
}

// Login implements ftpproto.Session.
func (s *session) Login(ctx context.Context, c ftpproto.Credentials) (ftpproto.FileSystem, error) {
	if !s.busy.CompareAndSwap(false, true) {
		s.fs.breach("two calls of %s at once", s.what)
	}
	defer s.busy.Store(false)
	if s.closed.Load() {
		s.fs.breach("Login to closed %s", s.what)
	}
	if err := s.fs.before(ctx, OpLogin, c.User); err != nil {
		return nil, err
	}
	s.fs.mu.Lock()
	defer s.fs.mu.Unlock()
	u, ok := s.fs.users[c.User]
	if !ok || u.Password != c.Password {
		return nil, errWrongLogin
	}
	v := &view{fs: s.fs, user: u, session: s}
	switch {
	case u.NoTimes && u.NoSums:
		return v, nil
	case u.NoTimes:
		return struct {
			*view
			sums
		}{v, sums{v}}, nil
	case u.NoSums:
		return struct {
			*view
			times
		}{v, times{v}}, nil
	}
	return struct {
		*view
		times
		sums
	}{v, times{v}, sums{v}}, nil
}

// Close implements ftpproto.Session.
func (s *session) Close() error {
	if s.busy.Load() {
		s.fs.breach("%s closed while in use", s.what)
	}
	if s.closed.Swap(true) {
		s.fs.breach("%s closed twice", s.what)
		return nil
	}
	s.fs.closed(s.what)
	return nil
}

// view is the tree as one user sees it.
type view struct {
	fs      *FS
	user    User
	session *session
}

// enter is the start of every operation: it checks that the server asks as it may, calls the
// hook, and takes the lock when both are fine.
func (v *view) enter(ctx context.Context, op Op, names ...string) error {
	for _, name := range names {
		if !isClean(name) {
			v.fs.breach("%s of unclean name %q", op, name)
		}
	}
	if v.session.closed.Load() {
		v.fs.breach("%s of %q after its session ended", op, names)
	}
	if err := v.fs.before(ctx, op, names[0]); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	v.fs.mu.Lock()
	return nil
}

func (v *view) leave() { v.fs.mu.Unlock() }

// may fails unless the user has all of perms.
func (v *view) may(perms ftpproto.Perm) error {
	if v.user.Deny&perms != 0 {
		return ftpproto.ErrDenied
	}
	return nil
}

const (
	filePerms = ftpproto.PermAppend | ftpproto.PermDelete | ftpproto.PermRename | ftpproto.PermRead | ftpproto.PermWrite
	rootPerms = ftpproto.PermCreate | ftpproto.PermEnter | ftpproto.PermList | ftpproto.PermMkdir | ftpproto.PermPurge
	dirPerms  = rootPerms | ftpproto.PermDelete | ftpproto.PermRename
)

func (v *view) info(name string, n *node) ftpproto.FileInfo {
	perms := filePerms
	if n.dir {
		perms = dirPerms
	}
	if name == "/" {
		perms = rootPerms
	}
	return ftpproto.FileInfo{
		Name:    path.Base(name),
		Size:    int64(len(n.data)),
		ModTime: n.modTime,
		IsDir:   n.dir,
		Unique:  fmt.Sprintf("u%d", n.id),
		Perm:    perms &^ v.user.Deny,
		Sys:     n,
	}
}

// Stat implements ftpproto.FileSystem.
func (v *view) Stat(ctx context.Context, name string, want ftpproto.Kind) (ftpproto.FileInfo, error) {
	if err := v.enter(ctx, OpStat, name); err != nil {
		return ftpproto.FileInfo{}, err
	}
	defer v.leave()
	find := v.fs.find
	switch want {
	case ftpproto.FileKind:
		find = v.fs.findFile
	case ftpproto.DirKind:
		find = v.fs.findFolder
	}
	n, err := find(name)
	if err != nil {
		return ftpproto.FileInfo{}, err
	}
	return v.info(name, n), nil
}

// ReadDir implements ftpproto.FileSystem. It yields the folder as it is when it is first asked.
func (v *view) ReadDir(ctx context.Context, name string) iter.Seq2[ftpproto.FileInfo, error] {
	return func(yield func(ftpproto.FileInfo, error) bool) {
		infos, err := v.readDir(ctx, name)
		for _, info := range infos {
			if !yield(info, nil) {
				return
			}
		}
		if err != nil {
			yield(ftpproto.FileInfo{}, err)
		}
	}
}

func (v *view) readDir(ctx context.Context, name string) ([]ftpproto.FileInfo, error) {
	if err := v.enter(ctx, OpReadDir, name); err != nil {
		return nil, err
	}
	defer v.leave()
	if _, err := v.fs.findFolder(name); err != nil {
		return nil, err
	}
	if err := v.may(ftpproto.PermList); err != nil {
		return nil, err
	}
	var infos []ftpproto.FileInfo
	for _, child := range v.fs.children(name) {
		infos = append(infos, v.info(child, v.fs.nodes[child]))
	}
	return infos, nil
}

// Open implements ftpproto.FileSystem.
func (v *view) Open(ctx context.Context, name string, off int64) (io.ReadCloser, error) {
	if err := v.enter(ctx, OpOpen, name); err != nil {
		return nil, err
	}
	n, err := v.fs.findFile(name)
	v.leave()
	switch {
	case err != nil:
		return nil, err
	case v.user.Deny&ftpproto.PermRead != 0:
		return nil, ftpproto.ErrDenied
	case off < 0:
		v.fs.breach("open of %q at %d", name, off)
		return nil, ftpproto.ErrRange
	case off > int64(len(n.data)):
		return nil, ftpproto.ErrRange
	}
	return newReader(ctx, v.fs, name, n.data[off:]), nil
}

// Create implements ftpproto.FileSystem.
func (v *view) Create(ctx context.Context, name string, opts ftpproto.CreateOptions) (ftpproto.File, error) {
	if opts.Offset < 0 || opts.SizeHint < 0 || opts.Append && opts.Offset != 0 {
		v.fs.breach("create of %q with %+v", name, opts)
	}
	if err := v.enter(ctx, OpCreate, name); err != nil {
		return nil, err
	}
	old, err := v.createOver(name, opts)
	readFrom := v.fs.readFrom
	v.leave()
	if err != nil {
		return nil, err
	}
	up := newUpload(ctx, v.fs, name, old, opts)
	if readFrom {
		return directUpload{up}, nil
	}
	return up, nil
}

// createOver returns the file that an upload to name would replace, nil if there is none.
func (v *view) createOver(name string, opts ftpproto.CreateOptions) (*node, error) {
	old, err := v.fs.findFile(name)
	if errors.Is(err, ftpproto.ErrNotFile) {
		return nil, err
	}
	if err := v.fs.canHold(path.Dir(name)); err != nil {
		return nil, err
	}
	need := ftpproto.PermWrite
	switch {
	case old == nil:
		need = ftpproto.PermCreate
	case opts.Append:
		need = ftpproto.PermAppend
	}
	switch {
	case v.may(need) != nil:
		return nil, ftpproto.ErrDenied
	case old != nil && opts.Exclusive:
		return nil, ftpproto.ErrExist
	case old == nil && opts.Offset > 0, old != nil && opts.Offset > int64(len(old.data)):
		return nil, ftpproto.ErrRange
	}
	return old, nil
}

// Mkdir implements ftpproto.FileSystem.
func (v *view) Mkdir(ctx context.Context, name string) error {
	if err := v.enter(ctx, OpMkdir, name); err != nil {
		return err
	}
	defer v.leave()
	if err := v.may(ftpproto.PermMkdir); err != nil {
		return err
	}
	if _, err := v.fs.find(name); err == nil {
		return ftpproto.ErrExist
	}
	return v.fs.makeFolders(name)
}

// Rmdir implements ftpproto.FileSystem.
func (v *view) Rmdir(ctx context.Context, name string) error {
	if err := v.enter(ctx, OpRmdir, name); err != nil {
		return err
	}
	defer v.leave()
	if _, err := v.fs.findFolder(name); err != nil {
		return err
	}
	switch {
	case v.may(ftpproto.PermDelete) != nil, name == "/":
		return ftpproto.ErrDenied
	case len(v.fs.children(name)) > 0:
		return ftpproto.ErrNotEmpty
	}
	delete(v.fs.nodes, name)
	return nil
}

// Remove implements ftpproto.FileSystem.
func (v *view) Remove(ctx context.Context, name string) error {
	if err := v.enter(ctx, OpRemove, name); err != nil {
		return err
	}
	defer v.leave()
	if _, err := v.fs.findFile(name); err != nil {
		return err
	}
	if err := v.may(ftpproto.PermDelete); err != nil {
		return err
	}
	delete(v.fs.nodes, name)
	return nil
}

// Rename implements ftpproto.FileSystem.
func (v *view) Rename(ctx context.Context, from string, info ftpproto.FileInfo, to string) error {
	if err := v.enter(ctx, OpRename, from, to); err != nil {
		return err
	}
	defer v.leave()
	n, err := v.fs.find(from)
	if err != nil {
		return err
	}
	if info.Sys != n {
		return ftpproto.ErrNotExist // what was asked for has been replaced since
	}
	if err := v.may(ftpproto.PermRename); err != nil {
		return err
	}
	return v.renameTo(from, n, to)
}

func (v *view) renameTo(from string, n *node, to string) error {
	old, err := v.fs.find(to)
	switch {
	case from == to:
		return nil
	case from == "/", strings.HasPrefix(to, from+"/"):
		return ftpproto.ErrName
	case err == nil && (old.dir || n.dir):
		return ftpproto.ErrExist
	case err == nil:
		err = v.may(ftpproto.PermWrite)
	default:
		err = v.may(ftpproto.PermCreate)
	}
	if err != nil {
		return err
	}
	if err := v.fs.makeFolders(path.Dir(to)); err != nil {
		return err
	}
	v.fs.move(from, to)
	return nil
}

// times is what makes a view an ftpproto.TimeSetter.
type times struct{ of *view }

// SetModTime implements ftpproto.TimeSetter.
func (t times) SetModTime(ctx context.Context, name string, at time.Time) error {
	v := t.of
	if !at.Equal(time.Unix(0, at.UnixNano())) {
		v.fs.breach("the time of %q set to %v", name, at)
	}
	if err := v.enter(ctx, OpSetTime, name); err != nil {
		return err
	}
	defer v.leave()
	n, err := v.fs.find(name)
	if err != nil {
		return err
	}
	if err := v.may(ftpproto.PermWrite); err != nil {
		return err
	}
	n.modTime = at
	return nil
}

// sums is what makes a view an ftpproto.Hasher.
type sums struct{ of *view }

// Hash implements ftpproto.Hasher.
func (s sums) Hash(ctx context.Context, name string, algorithm ftpproto.HashAlgorithm, from, to int64) (ftpproto.Digest, error) {
	v := s.of
	if from < 0 || to >= 0 && to < from {
		v.fs.breach("hash of %q from %d to %d", name, from, to)
	}
	if err := v.enter(ctx, OpHash, name); err != nil {
		return ftpproto.Digest{}, err
	}
	n, err := v.fs.findFile(name)
	v.leave()
	if err != nil {
		return ftpproto.Digest{}, err
	}
	if err := v.may(ftpproto.PermRead); err != nil {
		return ftpproto.Digest{}, err
	}
	size := int64(len(n.data))
	if to < 0 {
		to = size
	}
	if from > size || to > size {
		return ftpproto.Digest{}, ftpproto.ErrRange
	}
	sum := algorithm.New()
	sum.Write(n.data[from:to])
	return ftpproto.Digest{Sum: sum.Sum(nil), Bytes: to - from}, nil
}
