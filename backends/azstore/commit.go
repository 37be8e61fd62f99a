package azstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/tidegate/tidegate/backends"
)

// Commit implements backends.Upload. It looks first at what waits: Azure would publish a part that
// another writer has replaced, in this writer's form.
func (u *upload) Commit(ctx context.Context, parts []backends.Part, opts backends.CommitOptions) (backends.Info, error) {
	const op = "commit upload of"
	d := u.driver
	if err := d.admit(ctx, op, u.key); err != nil {
		return backends.Info{}, err
	}
	if u.is(aborted) {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrUploadGone, nil)
	}
	if err := u.checkParts(parts, opts); err != nil {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrInvalid, err)
	}
	names := append(make([]string, 0, len(u.base.names)+len(parts)), u.base.names...)
	for _, part := range parts {
		names = append(names, part.Tag)
	}
	waiting, err := d.pending(ctx, d.name(u.key), u.token)
	switch {
	case err == nil:
		if err := u.checkWaiting(parts, waiting); err != nil {
			return u.failCommit(ctx, op, names, err)
		}
	case kindOf(err) != backends.ErrPermission: // who only writes cannot look
		return backends.Info{}, d.fail(op, u.key, err)
	}
	return u.publish(ctx, op, names, opts)
}

// commitToken names the write that a commit of these blocks is: of the upload, and of exactly them.
func (u *upload) commitToken(names []string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, " ")))
	return u.token.String() + hex.EncodeToString(sum[:8])
}

// madeBy reports whether the upload was committed, with whichever blocks, and made the blob.
func (p properties) madeBy(token uploadToken) bool {
	return strings.HasPrefix(p.meta[metaToken], token.String())
}

// checkParts checks what the store need not be asked for: numbers without a hole, and the size and
// the sum of all together. Azure has verified those of each.
func (u *upload) checkParts(parts []backends.Part, opts backends.CommitOptions) error {
	total, sum := u.base.size, uint64(0)
	for i, part := range parts {
		if part.Number != i+1 {
			return fmt.Errorf("part %d in place %d", part.Number, i+1)
		}
		id, ok := parseBlockID(part.Tag)
		if !ok || id.token != u.token || int(id.number) != part.Number {
			return fmt.Errorf("part %d is not of this upload", part.Number)
		}
		total += part.Size
		sum = backends.CRC64NVME.Combine(sum, id.sum, part.Size)
	}
	switch {
	case len(parts) == 0 && u.opts.Base == nil && !u.kept.copying:
		return errors.New("no parts")
	case total != opts.Size:
		return fmt.Errorf("parts of %d bytes together, not %d", total, opts.Size)
	case opts.HasSum && u.base.size == 0 && sum != opts.Sum:
		return errors.New("the parts do not have the sum of the whole")
	}
	return nil
}

// checkWaiting checks that each part waits as it was put, and none was put again.
func (u *upload) checkWaiting(parts []backends.Part, waiting pending) error {
	if waiting.ended {
		return backends.ErrUploadGone
	}
	for _, part := range parts {
		switch found, ok := waiting.latest[uint16(part.Number)]; {
		case !ok:
			return backends.ErrUploadGone
		case found.String() != part.Tag:
			return backends.ErrChanged
		case found.size != part.Size:
			return backends.ErrInvalid
		}
	}
	if u.base.checkPieces(waiting) != nil {
		return backends.ErrUploadGone
	}
	return nil
}

// failCommit says what has become of an upload that cannot be committed because of err. That its
// blocks are gone means that something was written at the key: perhaps this very upload, perhaps
// what a condition speaks of.
func (u *upload) failCommit(ctx context.Context, op string, names []string, err error) (backends.Info, error) {
	d, kind := u.driver, backends.KindOf(err)
	if kind != backends.ErrUploadGone {
		return backends.Info{}, backends.NewError(op, u.key, kind, nil)
	}
	head, headErr := d.head(ctx, d.name(u.key), "")
	switch {
	case headErr == nil && head.meta[metaToken] == u.commitToken(names):
		u.become(committed)
		return head.info(u.key), nil
	case headErr == nil && u.opts.IfAbsent:
		kind = backends.ErrExist
	case u.ifVersion() != "" && (kindOf(headErr) == backends.ErrNotExist || headErr == nil && version(head.ETag) != u.ifVersion()):
		kind = backends.ErrChanged
	}
	return backends.Info{}, backends.NewError(op, u.key, kind, nil)
}

// ifVersion is the version that must be current, if any: blocks of a blob are only there while it is.
func (u *upload) ifVersion() string {
	if u.opts.IfVersion != "" {
		return u.opts.IfVersion
	}
	return u.base.version
}

// kept is what a copy keeps of its source.
type kept struct {
	copying bool
	meta    map[string]string
	headers *blob.HTTPHeaders
	tags    map[string]string
	tier    *blob.AccessTier
}

// publish is the request that makes the blob.
func (u *upload) publish(ctx context.Context, op string, names []string, opts backends.CommitOptions) (backends.Info, error) {
	d, write := u.driver, u.opts
	write.IfVersion = u.ifVersion()
	write.Metadata = merged(write.Metadata, opts.Metadata)
	if len(names) > maxBlocks {
		return backends.Info{}, backends.NewError(op, u.key, backends.ErrTooLarge, nil)
	}
	token := u.commitToken(names)
	in := &blockblob.CommitBlockListOptions{
		AccessConditions: conditions(write),
		HTTPHeaders:      headers(write),
		Metadata:         metadata(u.kept.meta, write, token),
		Tags:             write.Tags,
		Tier:             d.tier(write),
		CPKInfo:          d.encrypt.key,
		CPKScopeInfo:     d.encrypt.scope,
	}
	u.kept.fill(in, write)
	answered, cancel := lasting(ctx)
	defer cancel()
	out, err := d.blockBlob(d.name(u.key)).CommitBlockList(patiently(answered), names, in)
	if err != nil {
		if info, ok := d.landed(ctx, u.key, token, err); ok {
			u.become(committed)
			return info, nil
		}
		if codeOf(err) == codeInvalidBlockList {
			return u.failCommit(ctx, op, names, backends.ErrUploadGone)
		}
		return backends.Info{}, d.failWrite(op, u.key, write, err)
	}
	u.become(committed)
	info := backends.Info{
		Key:      u.key,
		Size:     opts.Size,
		ModTime:  written(write, out.LastModified),
		Version:  version(out.ETag),
		Metadata: others(merged(u.kept.meta, write.Metadata)),
	}
	if opts.HasSum && u.base.size == 0 {
		info.Sum, info.HasSum = opts.Sum, true
	}
	return info, nil
}

// fill sets what a write does not set itself.
func (k kept) fill(in *blockblob.CommitBlockListOptions, write backends.WriteOptions) {
	if k.headers != nil {
		h := *k.headers
		if in.HTTPHeaders != nil {
			h.BlobContentType = in.HTTPHeaders.BlobContentType
		}
		in.HTTPHeaders = &h
	}
	if write.Tags == nil {
		in.Tags = k.tags
	}
	if write.StorageClass == "" && k.copying {
		in.Tier = k.tier
	}
}
