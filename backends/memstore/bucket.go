package memstore

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/tidegate/tidegate/backends"
)

// maxPage is the most entries of a page, as on S3.
const maxPage = 1000

// bucket is what all drivers of one store share.
type bucket struct {
	folders bool // CapFolders; constant

	mu      sync.Mutex
	keys    []string // of objects, sorted
	objects map[string]object
	uploads map[backends.UploadID]*pending
	serial  uint64 // source of versions, tags and upload IDs
}

// object is immutable: a reader keeps what it has begun with.
type object struct {
	data []byte
	info backends.Info
}

func newBucket() *bucket {
	return &bucket{objects: make(map[string]object), uploads: make(map[backends.UploadID]*pending)}
}

func (b *bucket) left() (keys, uploads []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, u := range b.uploads {
		uploads = append(uploads, fmt.Sprintf("%s (%s)", u.key, id))
	}
	return slices.Clone(b.keys), uploads
}

func (b *bucket) get(op, key, version string) (object, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current(op, key, version)
}

// current returns the object at key if it is of this version, "" for any. b.mu is held.
func (b *bucket) current(op, key, version string) (object, error) {
	o, ok := b.objects[key]
	switch {
	case !ok:
		return object{}, backends.NewError(op, key, backends.ErrNotExist, nil)
	case version != "" && version != o.info.Version:
		return object{}, backends.NewError(op, key, backends.ErrChanged, nil)
	}
	return o, nil
}

func (b *bucket) list(opts backends.ListOptions) backends.Page {
	b.mu.Lock()
	defer b.mu.Unlock()
	limit := maxPage
	if opts.Max > 0 {
		limit = min(limit, opts.Max)
	}
	var page backends.Page
	for i := b.search(opts.Prefix, opts.Token, opts.Recursive); i < len(b.keys) && strings.HasPrefix(b.keys[i], opts.Prefix); {
		if len(page.Entries) == limit {
			page.Next = page.Entries[limit-1].Key
			break
		}
		key := b.keys[i]
		if below, _, ok := strings.Cut(key[len(opts.Prefix):], "/"); ok && !opts.Recursive {
			folder := opts.Prefix + below + "/"
			page.Entries = append(page.Entries, backends.Info{Key: folder, IsPrefix: true})
			i = b.behind(folder)
			continue
		}
		page.Entries = append(page.Entries, b.objects[key].info)
		i++
	}
	return page
}

// search returns where a listing begins; token is the last key of the page before.
func (b *bucket) search(prefix, token string, recursive bool) int {
	if token == "" {
		i, _ := slices.BinarySearch(b.keys, prefix)
		return i
	}
	if !recursive && token != prefix && strings.HasSuffix(token, "/") {
		return b.behind(token)
	}
	i, found := slices.BinarySearch(b.keys, token)
	if found {
		i++
	}
	return i
}

// behind returns the first key after all those below folder, which ends in "/".
func (b *bucket) behind(folder string) int {
	i, _ := slices.BinarySearch(b.keys, folder[:len(folder)-1]+string(rune('/'+1)))
	return i
}

func (b *bucket) put(op, key string, o object, opts backends.WriteOptions) (backends.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.condition(op, key, opts); err != nil {
		return backends.Info{}, err
	}
	return b.store(key, o), nil
}

// condition checks what opts demands of key, and on a disk that a file and a folder do not
// share a name. b.mu is held.
func (b *bucket) condition(op, key string, opts backends.WriteOptions) error {
	now, exists := b.objects[key]
	switch {
	case opts.IfAbsent && exists:
		return backends.NewError(op, key, backends.ErrExist, nil)
	case opts.IfVersion != "" && (!exists || now.info.Version != opts.IfVersion):
		return backends.NewError(op, key, backends.ErrChanged, nil)
	case !b.folders:
		return nil
	}
	other := key + "/"
	if strings.HasSuffix(key, "/") {
		other = key[:len(key)-1]
	}
	if _, taken := b.objects[other]; taken {
		return backends.NewError(op, key, backends.ErrExist, nil)
	}
	for folder := range parents(key) {
		if _, taken := b.objects[folder[:len(folder)-1]]; taken {
			return backends.NewError(op, key, backends.ErrExist, fmt.Errorf("%q is no folder", folder))
		}
	}
	return nil
}

// store sets the object at key, as a new version. b.mu is held.
func (b *bucket) store(key string, o object) backends.Info {
	o.info.Key, o.info.Version = key, b.next("v")
	b.set(key, o)
	if b.folders {
		for folder := range parents(key) {
			if _, ok := b.objects[folder]; !ok {
				b.set(folder, object{info: backends.Info{Key: folder, ModTime: o.info.ModTime, Version: b.next("v")}})
			}
		}
	}
	return o.info
}

func (b *bucket) set(key string, o object) {
	if i, found := slices.BinarySearch(b.keys, key); !found {
		b.keys = slices.Insert(b.keys, i, key)
	}
	b.objects[key] = o
}

func (b *bucket) unset(key string) {
	if i, found := slices.BinarySearch(b.keys, key); found {
		b.keys = slices.Delete(b.keys, i, i+1)
	}
	delete(b.objects, key)
}

// next returns a name that was never used before in this store.
func (b *bucket) next(kind string) string {
	b.serial++
	return kind + strconv.FormatUint(b.serial, 10)
}

func (b *bucket) copy(dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.duplicate("copy", dst, src, opts)
}

// duplicate is Copy. b.mu is held.
func (b *bucket) duplicate(op, dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	o, err := b.current(op, src.Key, src.Version)
	if err != nil {
		return backends.Info{}, err
	}
	if err := b.condition(op, dst, opts); err != nil {
		return backends.Info{}, err
	}
	if !opts.ModTime.IsZero() {
		o.info.ModTime = opts.ModTime
	}
	o.info.Metadata = merged(o.info.Metadata, opts.Metadata)
	return b.store(dst, o), nil
}

// merged returns old with what is more, and as more says where they differ.
func merged(old, more map[string]string) map[string]string {
	if len(more) == 0 {
		return old
	}
	all := maps.Clone(more)
	for k, v := range old {
		if _, ok := all[k]; !ok {
			all[k] = v
		}
	}
	return all
}

func (b *bucket) move(dst string, src backends.Info, opts backends.WriteOptions) (backends.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := b.duplicate("move", dst, src, opts)
	if err == nil && dst != src.Key {
		b.unset(src.Key)
	}
	return info, err
}

func (b *bucket) moveFolder(dst, src string) (backends.Info, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.current("move", src, ""); err != nil {
		return backends.Info{}, err
	}
	if strings.HasPrefix(dst, src) || !strings.HasSuffix(dst, "/") {
		return backends.Info{}, backends.NewError("move", dst, backends.ErrInvalid, nil)
	}
	if err := b.condition("move", dst, backends.WriteOptions{IfAbsent: true}); err != nil {
		return backends.Info{}, err
	}
	i, _ := slices.BinarySearch(b.keys, src)
	for _, key := range slices.Clone(b.keys[i:b.behind(src)]) {
		o := b.objects[key]
		b.unset(key)
		b.store(dst+key[len(src):], o)
	}
	return b.objects[dst].info, nil
}

func (b *bucket) remove(target backends.Target) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := target.Key
	if _, err := b.current("delete", key, target.Version); err != nil {
		return err
	}
	if b.folders && strings.HasSuffix(key, "/") {
		if i, found := slices.BinarySearch(b.keys, key); found && b.behind(key)-i > 1 {
			return backends.NewError("delete", key, backends.ErrNotEmpty, nil)
		}
	}
	b.unset(key)
	return nil
}

// parents yields the markers of the folders that key lies in.
func parents(key string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range len(key) - 1 {
			if key[i] == '/' && !yield(key[:i+1]) {
				return
			}
		}
	}
}
