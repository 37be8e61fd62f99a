// Package azstore is the driver for Azure Blob Storage.
//
// Objects are block blobs. Bodies travel once, with the CRC-64 that was computed while the buffers
// filled: Azure verifies that of each Put Blob and Put Block, and a part's sum is kept in the name
// of its block, so that the whole is checked against its parts when it is published, after a
// restart too. What is special about the service is in one place each: uploads are only blocks that
// wait at their key (block.go, upload.go), blobs continue behind blocks that they have already
// (base.go), folders are marked by blobs of their own name (marker.go), accounts with a hierarchical
// namespace rename (move.go), lost answers are resolved by asking (resolve.go).
//
// It needs these actions of a role, all below Microsoft.Storage/storageAccounts/blobServices/containers,
// which "Storage Blob Data Contributor" has: blobs/read (list, read), blobs/write and blobs/add/action
// (write), blobs/delete (delete, rename), blobs/tags/write and blobs/tags/read only for tags; on a
// hierarchical account blobs/move/action too. As permissions of a shared access signature: "racwdl",
// "t" for tags, "m" to move. For a drop box that can only be written to, "cw" is enough; what
// a lost answer has left cannot be found then, and parts are not looked at before they are published.
package azstore

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/tidegate/tidegate/backends"
)

const (
	mebi = 1 << 20

	// maxPut is the most that one Put Blob takes, maxBlock that one block holds, and maxBlocks the
	// most blocks of a blob.
	maxPut    = 5000 * mebi
	maxBlock  = 4000 * mebi
	maxBlocks = 50_000
	// maxBaseBlocks is how many of the blocks are kept free for WriteOptions.Base. A base of more
	// is put together anew, into blocks of maxBlock at most: that is room for 38 TiB.
	maxBaseBlocks = 10_000
	// minBase is where taking a base inside the store begins to pay: it is four or five requests, and to read
	// so few bytes and put them again is two. A logger that appends to a small file gains by that.
	minBase = 256 << 10
	// maxObject is the largest blob.
	maxObject = maxBlocks * maxBlock
	// maxKey is the most characters of a blob's name; of bytes, which is what others count, no
	// name then has more.
	maxKey = 1024
	// maxPage is the most entries of a listing.
	maxPage = 5000
	// maxDelete is how many keys one Delete takes, each a request of its own (delete.go).
	maxDelete = 256
)

// Driver is one container. It is made by New and holds one client and its connections, which all
// sessions share.
type Driver struct {
	opts      Options
	container *container.Client
	source    sourceAuth
	pools     pools
	encrypt   encryption
}

var _ backends.Driver = (*Driver)(nil)

// New returns the driver of a container. It makes no request: Check tells whether the container
// can be used.
func New(opts Options) (*Driver, error) {
	return newDriver(opts, defaultTuning())
}

func newDriver(opts Options, tune tuning) (*Driver, error) {
	opts, err := opts.resolve()
	if err != nil {
		return nil, err
	}
	pools := newPools(tune)
	client, source, err := connect(opts, pools, tune)
	if err != nil {
		return nil, err
	}
	return &Driver{opts: opts, container: client, source: source, pools: pools, encrypt: newEncryption(opts)}, nil
}

// Describe implements backends.Driver.
func (d *Driver) Describe() (backends.Caps, backends.Limits) {
	caps := backends.CapParallelParts | backends.CapResume | backends.CapBase | backends.CapBasePart | backends.CapCopy |
		backends.CapIfAbsent | backends.CapIfVersion | backends.CapTellsAbsent | backends.CapMetadata | backends.CapCommitMetadata |
		backends.CapStorageClass
	if d.opts.Hierarchical {
		caps |= backends.CapMove | backends.CapFolders // and no tags there
	} else {
		caps |= backends.CapTags
	}
	return caps, backends.Limits{
		MaxObject:   maxObject,
		MaxPut:      maxPut,
		MinPart:     1,
		MaxPart:     maxBlock,
		MaxParts:    maxBlocks - maxBaseBlocks,
		MinBase:     minBase,
		MaxKey:      maxKey,
		DeleteBatch: maxDelete,
		Checksum:    backends.CRC64NVME,
	}
}

// Close implements backends.Driver.
func (d *Driver) Close() error {
	d.pools.close()
	return nil
}

// blob returns the client of a blob, by its own name.
func (d *Driver) blob(name string) *blob.Client { return d.container.NewBlobClient(name) }

func (d *Driver) blockBlob(name string) *blockblob.Client {
	return d.container.NewBlockBlobClient(name)
}

// admit refuses an ended context before anything is begun that would outlast it, and a key that no
// request could carry.
func (d *Driver) admit(ctx context.Context, op, key string) error {
	if err := ctx.Err(); err != nil {
		return backends.NewError(op, key, backends.ErrUnknown, err)
	}
	if len(key) > maxKey {
		return backends.NewError(op, key, backends.ErrInvalid, errLongKey)
	}
	return nil
}

// admitWrite is admit for a write, with the options that no such write can have.
func (d *Driver) admitWrite(ctx context.Context, op, key string, opts backends.WriteOptions) error {
	if err := d.admit(ctx, op, key); err != nil {
		return err
	}
	if opts.Base != nil || len(opts.Tags) > 0 && d.opts.Hierarchical {
		return backends.NewError(op, key, backends.ErrUnsupported, nil)
	}
	return nil
}
