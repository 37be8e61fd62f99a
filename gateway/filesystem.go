package gateway

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path"
	"strings"
	"time"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

// errOtherStore refuses a rename that would have to carry the bytes through this process.
var errOtherStore = ftpproto.NewError(553, "Cannot rename from one store to another.", nil)

// errIntoItself refuses what no folder can do.
var errIntoItself = ftpproto.NewError(553, "Cannot rename a folder into itself.", nil)

// fileSystem is what one logged-in user sees.
type fileSystem struct {
	tree    *mountTree
	user    string
	conn    ftpproto.ConnInfo
	health  *health
	emptied emptiedFolders
	sums    sumSlots
	log     *slog.Logger
}

var (
	_ ftpproto.FileSystem = (*fileSystem)(nil)
	_ ftpproto.TimeSetter = (*fileSystem)(nil)
)

// Stat makes one request for a file or for a folder, two for AnyKind of a folder, and none for
// a mount point or above.
func (fs *fileSystem) Stat(ctx context.Context, name string, want ftpproto.Kind) (ftpproto.FileInfo, error) {
	p, err := fs.tree.find(name)
	switch {
	case err != nil:
		return ftpproto.FileInfo{}, err
	case p.fixed && want == ftpproto.FileKind:
		return ftpproto.FileInfo{}, ftpproto.ErrNotFile
	case p.fixed:
		return fs.folderInfo(p, backends.Info{}), nil
	case p.mount == nil:
		return ftpproto.FileInfo{}, ftpproto.ErrNotExist
	}
	notFile := error(ftpproto.ErrNotExist)
	if want != ftpproto.DirKind {
		var info ftpproto.FileInfo
		info, notFile = fs.statFile(ctx, p)
		unknown := errors.Is(notFile, ftpproto.ErrNotExist) || errors.Is(notFile, ftpproto.ErrDenied)
		if want == ftpproto.FileKind || !unknown {
			return info, notFile
		}
	}
	info, err := p.mount.store.StatFolder(ctx, p.folder)
	switch {
	case errors.Is(err, backends.ErrNotExist):
		return ftpproto.FileInfo{}, notFile
	case err != nil:
		return ftpproto.FileInfo{}, fs.absent(p, err)
	}
	return fs.folderInfo(p, info), nil
}

func (fs *fileSystem) statFile(ctx context.Context, p place) (ftpproto.FileInfo, error) {
	if !p.may(mayKnow) {
		return ftpproto.FileInfo{}, ftpproto.ErrDenied
	}
	info, err := p.mount.store.Stat(ctx, p.key)
	if err != nil {
		return ftpproto.FileInfo{}, fs.absent(p, err)
	}
	return fs.fileInfo(p, info), nil
}

func (fs *fileSystem) fileInfo(p place, info backends.Info) ftpproto.FileInfo {
	return ftpproto.FileInfo{
		Name:    path.Base(p.name),
		Size:    info.Size,
		ModTime: info.ModTime,
		Unique:  p.unique(p.key),
		Perm:    p.mount.permissions.ofFile(),
		Sys:     info,
	}
}

func (fs *fileSystem) folderInfo(p place, info backends.Info) ftpproto.FileInfo {
	var perm ftpproto.Perm
	if p.mount != nil {
		perm = p.mount.permissions.ofFolder(p.fixed)
	}
	if p.mount == nil || len(fs.tree.fixed[p.name]) > 0 {
		perm |= ftpproto.PermEnter | ftpproto.PermList
	}
	return ftpproto.FileInfo{
		Name:    path.Base(p.name),
		ModTime: info.ModTime,
		IsDir:   true,
		Unique:  p.unique(p.folder),
		Perm:    perm,
		Sys:     info,
	}
}

// unique names what lies at key, which two mounts may lead to, and tells neither store nor key.
func (p place) unique(key string) string {
	if p.mount == nil {
		return ""
	}
	const size = 12 // bytes: no two of 2^48 files get the same by chance
	sum := sha256.Sum256([]byte(p.mount.store.Name() + "\x00" + key))
	return base64.RawURLEncoding.EncodeToString(sum[:size])
}

// below returns the place of the file or folder that the user wants to change; it must lie in a
// mount where the user has any of permissions.
func (fs *fileSystem) below(name string, permissions Permissions) (place, error) {
	p, err := fs.tree.find(name)
	switch {
	case err != nil:
		return p, err
	case p.fixed || !p.may(permissions):
		return p, ftpproto.ErrDenied
	}
	return p, nil
}

// Open makes one request.
func (fs *fileSystem) Open(ctx context.Context, name string, off int64) (io.ReadCloser, error) {
	p, err := fs.tree.find(name)
	switch {
	case err != nil:
		return nil, err
	case p.fixed:
		return nil, ftpproto.ErrNotFile
	case p.mount == nil:
		return nil, ftpproto.ErrNotExist
	case !p.may(MayRead):
		return nil, ftpproto.ErrDenied
	}
	r, err := p.mount.store.Open(ctx, p.key, off)
	if err != nil {
		return nil, fs.absent(p, err)
	}
	return &download{fs: fs, place: p, reader: r}, nil
}

// Create makes no request for a new upload by somebody who may overwrite.
func (fs *fileSystem) Create(ctx context.Context, name string, opts ftpproto.CreateOptions) (ftpproto.File, error) {
	need := mayCreate
	switch {
	case opts.Append:
		need = MayAppend
	case opts.Offset > 0:
		need = MayOverwrite
	}
	p, err := fs.below(name, need)
	if err != nil {
		return nil, err
	}
	ifAbsent := opts.Exclusive || need == mayCreate && !p.may(MayOverwrite)
	if ifAbsent && !opts.Exclusive && p.may(mayKnow) {
		// The commit finds out too, but then the client has sent everything. Whatever else
		// goes wrong here is no reason to refuse: there are buckets that can only be written.
		if _, err := p.mount.store.Stat(ctx, p.key); err == nil {
			return nil, ftpproto.ErrExist
		}
	}
	create := backends.CreateOptions{
		Offset:   opts.Offset,
		Append:   opts.Append,
		IfAbsent: ifAbsent,
		SizeHint: opts.SizeHint,
	}
	id := rand.Text()
	p.mount.kept.addTo(&create, fs, id)
	w, err := p.mount.store.Create(ctx, p.key, create)
	if err != nil {
		return nil, fs.reply(p, err)
	}
	return &upload{fs: fs, place: p, id: id, writer: w}, nil
}

// Mkdir makes one request.
func (fs *fileSystem) Mkdir(ctx context.Context, name string) error {
	p, err := fs.below(name, MayMkdir)
	if p.fixed {
		return ftpproto.ErrExist
	}
	if err != nil {
		return err
	}
	return fs.reply(p, p.mount.store.MakeFolder(ctx, p.folder))
}

// Rmdir makes two requests. Mount points stay.
func (fs *fileSystem) Rmdir(ctx context.Context, name string) error {
	p, err := fs.below(name, MayRmdir)
	if err != nil {
		return err
	}
	err = p.mount.store.RemoveFolder(ctx, p.folder)
	if errors.Is(err, backends.ErrNotExist) && fs.emptied.has(p.name) {
		err = nil
	}
	if err == nil {
		fs.emptied.add(path.Dir(p.name))
	}
	return fs.reply(p, err)
}

// Remove implements ftpproto.FileSystem.
func (fs *fileSystem) Remove(ctx context.Context, name string) error {
	p, err := fs.below(name, MayDelete)
	if err != nil {
		return err
	}
	err = p.mount.store.Remove(ctx, p.key)
	if err == nil {
		fs.emptied.add(path.Dir(p.name))
	}
	return fs.reply(p, err)
}

// SetModTime takes the right to upload: most clients set the time of what they have uploaded.
func (fs *fileSystem) SetModTime(ctx context.Context, name string, t time.Time) error {
	p, err := fs.below(name, mayCreate)
	switch {
	case err != nil:
		return err
	case !p.may(mayKnow):
		return ftpproto.ErrDenied // the answer would tell whether the file is there
	}
	return fs.reply(p, p.mount.store.SetModTime(ctx, p.key, t))
}

// Rename moves within a store, from one mount to another too; there it takes the right to upload.
// Mount points, and the folders above them, stay where they are.
func (fs *fileSystem) Rename(ctx context.Context, from string, info ftpproto.FileInfo, to string) error {
	src, err := fs.below(from, MayRename)
	if err != nil {
		return err
	}
	dst, err := fs.tree.find(to)
	switch {
	case err != nil:
		return err
	case dst.fixed || dst.mount == nil:
		return ftpproto.ErrDenied
	case dst.mount != src.mount && !dst.may(mayCreate):
		return ftpproto.ErrDenied
	case dst.mount.store != src.mount.store:
		return errOtherStore
	case dst.key == src.key:
		return nil
	}
	store := src.mount.store
	if info.IsDir {
		if strings.HasPrefix(dst.folder, src.folder) {
			return errIntoItself
		}
		return fs.reply(dst, store.RenameFolder(ctx, src.folder, dst.folder))
	}
	object, ok := info.Sys.(backends.Info)
	if !ok || object.Key != src.key {
		return fmt.Errorf("rename: the file info is not that of %s", from)
	}
	return fs.reply(dst, store.Rename(ctx, object, dst.key, backends.RenameOptions{IfAbsent: !dst.may(MayOverwrite)}))
}
