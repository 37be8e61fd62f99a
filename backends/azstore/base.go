package azstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"

	"github.com/tidegate/tidegate/backends"
)

const (
	// pieceSize is what one Put Block From URL moves, if that does not make too many: a few seconds'
	// work for the service, so that pieces go in parallel and none runs into copyTimeout.
	pieceSize = 256 * mebi
	// parallelPieces of one upload are under way at once.
	parallelPieces = 8
	// maxTailPieces is room for the rest of a base that is cut within a block.
	maxTailPieces = (maxBlock + pieceSize - 1) / pieceSize
)

// base is what lies before part 1 of an upload: blocks that the blob has already, and then pieces
// that the service has read from a blob into blocks that wait.
type base struct {
	version string   // of the blob that holds the first; "" for none
	names   []string // of all blocks in order
	size    int64    // bytes of the first, and once all is there of all
	pieces  []span   // what is to be read, behind the first
}

// staged reports whether there may be blocks that wait.
func (b base) staged() bool { return len(b.pieces) > 0 }

// span is a range of bytes.
type span struct{ first, size int64 }

func checkBase(key string, opts backends.WriteOptions) error {
	switch {
	case opts.BaseSize > opts.Base.Size:
		return backends.ErrRange
	case opts.Base.Key != key, opts.BaseSize < 1:
		return backends.ErrInvalid
	case opts.BaseSize > maxBaseBlocks*maxBlock:
		return backends.ErrTooLarge
	}
	return nil
}

// takeBase makes the first bytes of what opts.Base says the beginning of the upload.
func (u *upload) takeBase(ctx context.Context, op string) error {
	if err := u.planBase(ctx, op); err != nil {
		return err
	}
	return u.take(ctx, op, u.driver.name(u.key), u.opts.Base.Version)
}

// planBase looks which blocks the blob has. It commits only onto the same version, so that those
// are still there then: a blob may have other blocks of the same names later.
func (u *upload) planBase(ctx context.Context, op string) error {
	d := u.driver
	list, err := d.blockBlob(d.name(u.key)).GetBlockList(ctx, blockblob.BlockListTypeCommitted, nil)
	if err != nil {
		kind := kindOf(err)
		if kind == backends.ErrNotExist {
			kind = backends.ErrChanged
		}
		return d.failAs(kind, d.hint(err), op, u.key, err)
	}
	if version(list.ETag) != u.opts.Base.Version {
		return backends.NewError(op, u.key, backends.ErrChanged, nil)
	}
	u.base = planBase(list.CommittedBlocks, u.opts.BaseSize)
	u.base.version = u.opts.Base.Version
	return nil
}

// planBase divides the first size bytes of a blob into whole blocks of it and pieces. Blocks of other
// tools, whose names have another length, cannot stand beside this package's; and too many
// blocks, as of a log that grew line by line, are put together anew.
func planBase(blocks []*blockblob.Block, size int64) base {
	var b base
	for _, block := range blocks {
		if b.size+deref(block.Size) > size {
			break
		}
		name := deref(block.Name)
		if len(name) != len(blockID{}.String()) || len(b.names) == maxBaseBlocks-maxTailPieces {
			b = base{}
			break
		}
		b.names, b.size = append(b.names, name), b.size+deref(block.Size)
	}
	b.pieces = spans(b.size, size-b.size, maxBaseBlocks-int64(len(b.names)))
	return b
}

// spans divides size bytes from off into spans of about pieceSize, or of more where that would make
// more than most.
func spans(off, size, most int64) []span {
	n := min((size+pieceSize-1)/pieceSize, most)
	all := make([]span, n)
	for i := range n {
		from, to := size/n*i+min(i, size%n), size/n*(i+1)+min(i+1, size%n)
		all[i] = span{off + from, to - from}
	}
	return all
}

// take has the service read the pieces from the blob of that name and version.
func (u *upload) take(ctx context.Context, op, name, version string) error {
	d := u.driver
	if len(u.base.pieces) == 0 {
		return nil
	}
	names := make([]string, len(u.base.pieces))
	group, pieceCtx := errgroup.WithContext(patiently(ctx))
	group.SetLimit(parallelPieces)
	for i, piece := range u.base.pieces {
		id := u.nextID(uint16(firstPiece+i), 0)
		names[i] = id.String()
		group.Go(func() error {
			url, authorization, err := d.source.source(pieceCtx, name) // for all of them it might end too soon
			if err != nil {
				return err
			}
			_, err = d.blockBlob(d.name(u.key)).StageBlockFromURL(pieceCtx, id.String(), url, &blockblob.StageBlockFromURLOptions{
				CopySourceAuthorization:        authorization,
				Range:                          blob.HTTPRange{Offset: piece.first, Count: piece.size},
				SourceModifiedAccessConditions: &blob.SourceModifiedAccessConditions{SourceIfMatch: pinned(version)},
				CPKInfo:                        d.encrypt.key,
				CPKScopeInfo:                   d.encrypt.scope,
				SourceCustomerProvidedKey:      d.encrypt.source,
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return d.fail(op, u.key, err)
	}
	u.base.add(names)
	return nil
}

// add puts the pieces, which are there now, behind the blocks.
func (b *base) add(names []string) {
	b.names = append(b.names, names...)
	for _, piece := range b.pieces {
		b.size += piece.size
	}
}

// findBase finds the beginning of a resumed upload again. What makes it up is planned alike each time.
func (u *upload) findBase(ctx context.Context, op string, waiting pending) error {
	if err := u.planBase(ctx, op); err != nil {
		return err
	}
	names := make([]string, len(u.base.pieces))
	for i, piece := range u.base.pieces {
		found, ok := waiting.latest[uint16(firstPiece+i)]
		if !ok || found.size != piece.size {
			return backends.NewError(op, u.key, backends.ErrUploadGone, errors.New("its beginning is missing"))
		}
		names[i] = found.String()
	}
	u.base.add(names)
	return nil
}

// checkPieces looks whether the pieces still wait.
func (b base) checkPieces(waiting pending) error {
	first := len(b.names) - len(b.pieces)
	for i := range b.pieces {
		if found, ok := waiting.latest[uint16(firstPiece+i)]; !ok || found.String() != b.names[first+i] {
			return fmt.Errorf("piece %d of its beginning is missing", i+1)
		}
	}
	return nil
}
