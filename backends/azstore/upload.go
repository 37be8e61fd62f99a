package azstore

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/tidegate/tidegate/backends"
)

// upload is a set of blocks that wait at a key (block.go). It begins without a request. Of several
// uploads to one key the first that is committed wins, as anything else that is written there: the
// others hear ErrUploadGone, or that their condition does not hold, and start anew. One whose blocks
// were discarded so, or by age, is resumed as one without parts.
//
// Azure can free no single block. An Abort leaves an endMark, by which all processes know, and what
// was stored is freed with the next write at the key, or after 7 days. A commit of nothing would
// free it at once, but the uploads of others with it, and show an empty object meanwhile; and
// blocks overwritten with less could still be committed by a process that has not yet seen the mark.
type upload struct {
	driver *Driver
	key    string
	opts   backends.WriteOptions
	token  uploadToken
	epoch  uint32
	nonce  uint16
	puts   atomic.Uint32

	base base // blocks that lie before part 1
	kept kept // what a copy keeps of its source

	mu     sync.Mutex
	state  state
	listed []backends.Part // what ResumeUpload has just learnt, for the first Parts
}

// state is what this value knows; another process may know more.
type state int

const (
	open state = iota
	committed
	aborted
)

var _ backends.Upload = (*upload)(nil)

func (d *Driver) newUpload(key string, opts backends.WriteOptions, token uploadToken) *upload {
	return &upload{driver: d, key: key, opts: opts, token: token, nonce: uint16(rand.Uint32())} //nolint:gosec // tells writers apart, guards nothing
}

// StartUpload implements backends.Driver.
func (d *Driver) StartUpload(ctx context.Context, key string, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "start upload"
	behind := opts
	behind.Base = nil
	if err := d.admitWrite(ctx, op, key, behind); err != nil {
		return nil, err
	}
	u := d.newUpload(key, opts, newUploadToken())
	if opts.Base == nil {
		return u, nil
	}
	if err := checkBase(key, opts); err != nil {
		return nil, backends.NewError(op, key, backends.KindOf(err), err)
	}
	if err := u.takeBase(ctx, op); err != nil {
		return nil, u.giveUp(ctx, err)
	}
	return u, nil
}

// giveUp aborts an upload that has failed with err, and returns err. A store that is away is not
// asked to: the caller has waited long enough for it.
func (u *upload) giveUp(ctx context.Context, err error) error {
	if !u.base.staged() {
		return err // nothing waits
	}
	if !errors.Is(err, backends.ErrUnavailable) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		if u.Abort(ctx) == nil {
			return err
		}
	}
	return &backends.UnendedError{Upload: u, Err: err}
}

// ResumeUpload implements backends.Driver.
func (d *Driver) ResumeUpload(ctx context.Context, key string, id backends.UploadID, opts backends.WriteOptions) (backends.Upload, error) {
	const op = "resume upload"
	if err := d.admit(ctx, op, key); err != nil {
		return nil, err
	}
	gone := func(why string) error {
		return backends.NewError(op, key, backends.ErrUploadGone, errors.New(why))
	}
	token, ok := parseUploadID(key, id)
	if !ok {
		return nil, gone("not an upload of this key")
	}
	u := d.newUpload(key, opts, token)
	waiting, err := d.pending(ctx, d.name(key), token)
	if err != nil {
		return nil, d.fail(op, key, err)
	}
	if waiting.ended {
		return nil, gone("it was aborted")
	}
	if len(waiting.latest) == 0 {
		head, err := d.head(ctx, d.name(key), "")
		if err == nil && head.madeBy(token) {
			return nil, gone("it was committed")
		}
		if err != nil && kindOf(err) != backends.ErrNotExist {
			return nil, d.fail(op, key, err)
		}
	}
	if opts.Base != nil {
		if err := u.findBase(ctx, op, waiting); err != nil {
			return nil, err
		}
	}
	u.epoch, u.listed = waiting.epoch+1, waiting.parts()
	return u, nil
}

func (t uploadToken) String() string { return hex.EncodeToString(t[:]) }

// ID implements backends.Upload. It holds for one key only.
func (u *upload) ID() backends.UploadID { return newUploadID(u.key, u.token) }

func newUploadID(key string, token uploadToken) backends.UploadID {
	sum := sha256.Sum256([]byte(token.String() + key))
	return backends.UploadID(token.String() + "." + hex.EncodeToString(sum[:8]))
}

func parseUploadID(key string, id backends.UploadID) (uploadToken, bool) {
	text, _, _ := strings.Cut(string(id), ".")
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != tokenSize {
		return uploadToken{}, false
	}
	token := uploadToken(b)
	return token, newUploadID(key, token) == id
}

// admit refuses what an upload that has ended cannot do.
func (u *upload) admit(ctx context.Context, op string) error {
	if err := u.driver.admit(ctx, op, u.key); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state != open {
		return backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	return nil
}

// PutPart implements backends.Upload.
func (u *upload) PutPart(ctx context.Context, number int, body backends.Body) (backends.Part, error) {
	op := fmt.Sprintf("put part %d of", number)
	if err := u.admit(ctx, op); err != nil {
		return backends.Part{}, err
	}
	if number < 1 || number >= firstPiece || body.Size < 1 {
		return backends.Part{}, backends.NewError(op, u.key, backends.ErrInvalid, nil)
	}
	u.forgetList()
	id := u.nextID(uint16(number), body.Sum)
	if err := u.stage(ctx, id, body); err != nil {
		return backends.Part{}, u.driver.fail(op, u.key, err)
	}
	return backends.Part{Number: number, Size: body.Size, Tag: id.String(), Sum: body.Sum}, nil
}

func (u *upload) nextID(number uint16, sum uint64) blockID {
	return blockID{token: u.token, number: number, epoch: u.epoch, put: u.puts.Add(1), nonce: u.nonce, sum: sum}
}

func (u *upload) stage(ctx context.Context, id blockID, body backends.Body) error {
	d := u.driver
	_, err := d.blockBlob(d.name(u.key)).StageBlock(ctx, id.String(), streaming.NopCloser(body), &blockblob.StageBlockOptions{
		TransactionalValidation: blob.TransferValidationTypeCRC64(body.Sum),
		CPKInfo:                 d.encrypt.key,
		CPKScopeInfo:            d.encrypt.scope,
	})
	return err
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
	waiting, err := u.driver.pending(ctx, u.driver.name(u.key), u.token)
	if err != nil {
		return nil, u.driver.fail(op, u.key, err)
	}
	if waiting.ended {
		return nil, backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	return waiting.parts(), nil
}

// forgetList returns the parts that ResumeUpload has found, once and only if none was put since.
func (u *upload) forgetList() []backends.Part {
	u.mu.Lock()
	defer u.mu.Unlock()
	listed := u.listed
	u.listed = nil
	return listed
}

// parts returns what was put, by number.
func (p pending) parts() []backends.Part {
	parts := []backends.Part{} // not nil: nil is "not listed"
	for number, b := range p.latest {
		if number != endMark && number < firstPiece {
			parts = append(parts, backends.Part{Number: int(number), Size: b.size, Tag: b.String(), Sum: b.sum})
		}
	}
	slices.SortFunc(parts, func(a, b backends.Part) int { return cmp.Compare(a.Number, b.Number) })
	return parts
}

// Abort implements backends.Upload.
func (u *upload) Abort(ctx context.Context) error {
	const op = "abort upload of"
	d := u.driver
	if err := d.admit(ctx, op, u.key); err != nil {
		return err
	}
	if u.is(committed) || u.is(aborted) {
		return nil
	}
	mark := []byte{0} // the least that a block can hold
	body := backends.Body{ReadSeeker: bytes.NewReader(mark), Size: 1, Sum: backends.CRC64NVME.Update(0, mark)}
	if err := u.stage(ctx, blockID{token: u.token, number: endMark}, body); err != nil {
		return d.fail(op, u.key, err)
	}
	u.become(aborted)
	return nil
}

func (u *upload) is(s state) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state == s
}

func (u *upload) become(s state) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.state = s
}
