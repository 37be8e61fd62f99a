package azstore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
)

// Azure has no uploads, only blocks: they wait at the key under names that their writer gives them,
// until a commit makes some of them the blob. Whatever is written at the key then discards all the
// others, whosever they are, and so do 7 days without a write. So a block's name says all that is
// to be known of it: which upload it is of, which part, which of several tries at the part, and the
// sum of its bytes, which Azure verified and does not tell again. No two blocks ever have one name.
//
// All names at one key must be of one length.

// blockID is the name of a block.
type blockID struct {
	token  uploadToken
	number uint16 // of the part; endMark, or a piece of a base from firstPiece on
	epoch  uint32 // how often the upload was resumed, as far as the writer knew
	put    uint32 // counts what the writer put
	nonce  uint16 // tells writers of one epoch apart
	sum    uint64 // of the bytes
}

const (
	// endMark is the number of the block that says that an upload has ended.
	endMark = 0
	// firstPiece is the number of a base's first piece.
	firstPiece = maxBlocks - maxBaseBlocks + 1

	tokenSize = 16
	idSize    = tokenSize + 2 + 4 + 4 + 2 + 8
)

// uploadToken names an upload.
type uploadToken [tokenSize]byte

func newUploadToken() (t uploadToken) {
	_, _ = rand.Read(t[:]) // never fails
	return t
}

// String returns the name as Azure wants it: base64, here without padding.
func (id blockID) String() string {
	b := make([]byte, 0, idSize)
	b = append(b, id.token[:]...)
	b = binary.BigEndian.AppendUint16(b, id.number)
	b = binary.BigEndian.AppendUint32(b, id.epoch)
	b = binary.BigEndian.AppendUint32(b, id.put)
	b = binary.BigEndian.AppendUint16(b, id.nonce)
	b = binary.BigEndian.AppendUint64(b, id.sum)
	return base64.StdEncoding.EncodeToString(b)
}

// parseBlockID returns false for a name that this package has not given.
func parseBlockID(text string) (blockID, bool) {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b) != idSize {
		return blockID{}, false
	}
	id := blockID{token: uploadToken(b[:tokenSize])}
	b = b[tokenSize:]
	id.number, b = binary.BigEndian.Uint16(b), b[2:]
	id.epoch, b = binary.BigEndian.Uint32(b), b[4:]
	id.put, b = binary.BigEndian.Uint32(b), b[4:]
	id.nonce, b = binary.BigEndian.Uint16(b), b[2:]
	id.sum = binary.BigEndian.Uint64(b)
	return id, true
}

// after reports whether id was put later than other, both of one number of one upload.
func (id blockID) after(other blockID) bool {
	if id.epoch != other.epoch {
		return id.epoch > other.epoch
	}
	if id.put != other.put {
		return id.put > other.put
	}
	return id.nonce > other.nonce
}

// block is a block that waits.
type block struct {
	blockID
	size int64
}

// pending is what waits of one upload.
type pending struct {
	latest map[uint16]block // of each number, the one put last
	ended  bool             // there is an endMark
	epoch  uint32           // the highest
}

// pending asks for the blocks of an upload. None is no error: nor is there an upload then, as far
// as Azure can tell.
func (d *Driver) pending(ctx context.Context, name string, token uploadToken) (pending, error) {
	p := pending{latest: map[uint16]block{}}
	out, err := d.blockBlob(name).GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if statusOf(err) == http.StatusNotFound && kinds[codeOf(err)] == kinds["BlobNotFound"] {
		return p, nil
	}
	if err != nil {
		return p, err
	}
	for _, waiting := range out.UncommittedBlocks {
		id, ok := parseBlockID(deref(waiting.Name))
		if !ok || id.token != token {
			continue
		}
		b := block{id, deref(waiting.Size)}
		p.ended = p.ended || id.number == endMark
		p.epoch = max(p.epoch, id.epoch)
		if before, ok := p.latest[id.number]; !ok || id.after(before.blockID) {
			p.latest[id.number] = b
		}
	}
	return p, nil
}
