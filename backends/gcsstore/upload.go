package gcsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"cloud.google.com/go/storage"

	"github.com/tidegate/tidegate/backends"
)

// An upload is a folder of hidden objects: a record, which is there as long as the upload is, one
// object for each part, and while it is committed what parts were joined to on the way.

const (
	uploadsPrefix = backends.StatePrefix + "uploads/"
	recordName    = "record"
	partName      = "part-"
	joinedName    = "joined-"

	// What the record's metadata say.
	recordKey   = "key"
	recordClass = "class"
)

// upload is an unfinished write. Its id names its folder, and is the token of the object to be.
type upload struct {
	driver *Driver
	key    string
	opts   backends.WriteOptions
	id     string
	class  string // of the parts and the object: Compose takes only objects of one storage class

	mu     sync.Mutex
	ended  bool
	listed []backends.Part // what ResumeUpload has just learnt, for the first Parts
}

var _ backends.Upload = (*upload)(nil)

// StartUpload implements backends.Driver.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "start upload"
	if err := d.admit(ctx, op, key, opts); err != nil {
		return nil, err
	}
	u := &upload{driver: d, key: key, opts: opts, id: newToken(), class: d.class(opts)}
	if opts.Base != nil {
		if err := u.takeBase(ctx, op); err != nil {
			return nil, err
		}
	}
	if err := u.record(ctx, op); err != nil {
		return nil, err
	}
	return u, nil
}

// takeBase looks at the object that is to be continued.
func (u *upload) takeBase(ctx context.Context, op string) error {
	base := *u.opts.Base
	switch {
	case base.Key != u.key:
		return backends.NewError(op, u.key, backends.ErrInvalid, fmt.Errorf("the base is %q", base.Key))
	case u.opts.BaseSize > base.Size:
		return backends.NewError(op, u.key, backends.ErrRange, nil)
	case u.opts.BaseSize < base.Size:
		return backends.NewError(op, u.key, backends.ErrUnsupported, errors.New("a Compose takes whole objects"))
	}
	attrs, err := u.driver.attrs(ctx, base.Key, base.Version)
	if err != nil {
		kind := kindOf(err)
		if kind == backends.ErrNotExist {
			kind = backends.ErrChanged
		}
		return u.driver.failAs(kind, hint(err), op, u.key, err)
	}
	base = infoOf(attrs)
	u.opts.Base, u.class = &base, attrs.StorageClass
	return nil
}

// record makes the object by which the upload is found again.
func (u *upload) record(ctx context.Context, op string) error {
	d := u.driver
	handle := d.object(u.name(recordName)).If(storage.Conditions{DoesNotExist: true})
	_, doubt, err := d.insert(ctx, handle, backends.Body{ReadSeeker: bytes.NewReader(nil)}, storage.ObjectAttrs{
		Name:     handle.ObjectName(),
		Metadata: map[string]string{recordKey: u.key, recordClass: u.class},
	})
	if doubt && statusOf(err) == http.StatusPreconditionFailed {
		err = nil // nobody else has this name
	}
	if err == nil {
		err = context.Cause(ctx)
		doubt = err != nil
	}
	if err == nil {
		return nil
	}
	return u.giveUp(ctx, doubt, d.fail(op, u.key, err))
}

// giveUp ends an upload whose start has failed with err, if there may be one, and returns err. A store
// that is away is not asked to: the caller has waited long enough for it.
func (u *upload) giveUp(ctx context.Context, begun bool, err error) error {
	if !begun {
		return err
	}
	if !errors.Is(err, backends.ErrUnavailable) {
		ctx, cancel := after(ctx, cleanupTimeout)
		defer cancel()
		if u.Abort(ctx) == nil {
			return err
		}
	}
	return &backends.UnendedError{Upload: u, Err: err}
}

// validID is what newToken returns; nothing else leads out of the folder of uploads.
var validID = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// ResumeUpload implements backends.Driver.
func (d *Driver) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "resume upload"
	if err := d.admit(ctx, op, key, opts); err != nil {
		return nil, err
	}
	u := &upload{driver: d, key: key, opts: opts, id: string(id)}
	if !validID.MatchString(u.id) {
		return nil, backends.NewError(op, key, backends.ErrUploadGone, errors.New("not an upload of this store"))
	}
	parts, class, err := u.list(ctx, op)
	if err != nil {
		return nil, err
	}
	u.listed, u.class = parts, class
	return u, nil
}

// ID implements backends.Upload.
func (u *upload) ID() backends.UploadID { return backends.UploadID(u.id) }

func (u *upload) folder() string { return uploadsPrefix + u.id + "/" }

func (u *upload) name(last string) string { return u.folder() + last }

func (u *upload) partName(number int) string { return u.name(fmt.Sprintf("%s%06d", partName, number)) }

// PutPart implements backends.Upload.
func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	d, op := u.driver, fmt.Sprintf("put part %d of", number)
	if err := u.admit(ctx, op); err != nil {
		return backends.Part{}, err
	}
	if number < 1 || number > maxParts {
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrInvalid, nil)
	}
	u.forgetList()
	name := u.partName(number)
	attrs, _, err := d.insert(ctx, d.object(name), body, storage.ObjectAttrs{Name: name, StorageClass: u.class})
	if err != nil {
		return backends.Part{}, d.fail(op, u.key, err)
	}
	return backends.Part{Number: number, Size: attrs.Size, Tag: version(attrs.Generation), Sum: body.Sum}, nil
}

func (u *upload) admit(ctx context.Context, op string) error {
	if err := u.driver.admit(ctx, op, u.key, backends.WriteOptions{}); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	return nil
}

func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
}

// forgetList returns the parts that ResumeUpload has found, once and only if none was put since.
func (u *upload) forgetList() []backends.Part {
	u.mu.Lock()
	defer u.mu.Unlock()
	listed := u.listed
	u.listed = nil
	return listed
}

// Parts implements backends.Upload.
func (u *upload) Parts(ctx context.Context) ([]backends.Part, error) {
	const op = "list parts of"
	if err := u.admit(ctx, op); err != nil {
		return nil, err
	}
	if parts := u.forgetList(); parts != nil {
		return parts, nil
	}
	parts, _, err := u.list(ctx, op)
	return parts, err
}

// list returns the stored parts, and the storage class that the record has for them.
func (u *upload) list(ctx context.Context, op string) (parts []backends.Part, class string, err error) {
	objects, err := u.objects(ctx)
	if err != nil {
		return nil, "", u.driver.fail(op, u.key, err)
	}
	there := false
	parts = []backends.Part{} // not nil: nil is "not listed"
	for _, attrs := range objects {
		last := strings.TrimPrefix(attrs.Name, u.folder())
		if last == recordName && attrs.Metadata[recordKey] == u.key {
			there, class = true, attrs.Metadata[recordClass]
		}
		digits, ok := strings.CutPrefix(last, partName)
		if number, err := strconv.Atoi(digits); ok && err == nil {
			parts = append(parts, backends.Part{Number: number, Size: attrs.Size, Tag: version(attrs.Generation), Sum: uint64(attrs.CRC32C)})
		}
	}
	if !there {
		return nil, "", backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	return parts, class, nil
}

// objects returns all that the upload consists of, by name.
func (u *upload) objects(ctx context.Context) ([]*storage.ObjectAttrs, error) {
	var all []*storage.ObjectAttrs
	for token := ""; ; {
		found, next, err := u.driver.page(ctx, storage.Query{Prefix: u.folder()}, maxPage, token)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if token = next; token == "" {
			return all, nil
		}
	}
}

// Abort implements backends.Upload.
func (u *upload) Abort(ctx context.Context) error {
	if err := u.driver.admit(ctx, "abort upload of", u.key, backends.WriteOptions{}); err != nil {
		return err
	}
	u.end()
	return u.remove(ctx)
}

// remove deletes all that the upload consists of, the record first: what an interrupted removal
// leaves is no upload any more that could be resumed, and committed over what came after it.
func (u *upload) remove(ctx context.Context) error {
	objects, err := u.objects(ctx)
	if err != nil {
		return u.driver.fail("list parts of", u.key, err)
	}
	var parts []*storage.ObjectHandle
	for _, attrs := range objects {
		// Named by its generation it goes for good, even where the bucket keeps older versions.
		handle := u.driver.bucket.Object(attrs.Name).Generation(attrs.Generation)
		if attrs.Name != u.name(recordName) {
			parts = append(parts, handle)
		} else if err := backends.AbsentIsDeleted(u.driver.deleteOne(ctx, handle)); err != nil {
			return err
		}
	}
	return backends.AbsentIsDeleted(u.driver.deleteAll(ctx, parts))
}
