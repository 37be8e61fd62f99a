package gateway

import (
	"context"
	"crypto/md5" //nolint:gosec // only its length
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"runtime"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/ftpproto"
)

const (
	// maxSums bounds the sums that are computed at once, on a machine with as many cores: each
	// takes a core, which transfers need too. Others wait.
	maxSums = 4
	// maxSumWait is how long they do. Clients give up soon after.
	maxSumWait = 10 * time.Second
	// sumBuffer is what is read at once, and all the memory that a sum takes.
	sumBuffer = 64 << 10
)

// errBusy has the code that draft-bryan-ftpext-hash §3.5 has for it.
var errBusy = ftpproto.NewError(450, "Too many other sums are being computed. Try again later.", nil)

var _ ftpproto.Hasher = (*fileSystem)(nil)

// sumSlots are the sums that may be computed at once, by all users together.
type sumSlots struct{ *semaphore.Weighted }

func newSumSlots() sumSlots {
	return sumSlots{semaphore.NewWeighted(int64(min(maxSums, runtime.GOMAXPROCS(0))))}
}

// take waits for a slot, which is then to be released; errBusy if there is none for too long.
func (s sumSlots) take(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxSumWait, errBusy)
	defer cancel()
	if err := s.Acquire(ctx, 1); err != nil {
		return context.Cause(ctx)
	}
	return nil
}

// Hash makes one request if the store keeps the sum of the whole file, and that is asked for.
// Otherwise it reads the file, by one request more, and waits for its turn to do so.
func (fs *fileSystem) Hash(ctx context.Context, name string, algorithm ftpproto.HashAlgorithm, from, to int64) (ftpproto.Digest, error) {
	mayBeKept := algorithm == ftpproto.SHA256 || algorithm == ftpproto.MD5
	if p, err := fs.tree.find(name); err == nil && !p.fixed && p.may(MayRead) && from == 0 && mayBeKept {
		info, err := p.mount.store.Stat(ctx, p.key)
		if err != nil {
			return ftpproto.Digest{}, fs.absent(p, err)
		}
		if sum := keptSum(info, algorithm); sum != nil && (to < 0 || to == info.Size) {
			return ftpproto.Digest{Sum: sum, Bytes: info.Size}, nil
		}
	}
	if err := fs.sums.take(ctx); err != nil {
		return ftpproto.Digest{}, err
	}
	defer fs.sums.Release(1)
	return fs.computeSum(ctx, name, algorithm, from, to)
}

// keptSum returns the sum that the store keeps of a whole object, nil if it keeps none. Other
// tools may write metadata too: what cannot be a sum is none.
func keptSum(info backends.Info, algorithm ftpproto.HashAlgorithm) []byte {
	if algorithm == ftpproto.MD5 {
		if len(info.MD5) == md5.Size {
			return info.MD5
		}
		return nil
	}
	sum, err := hex.DecodeString(info.Metadata[backends.MetaSHA256])
	if err != nil || len(sum) != sha256.Size {
		return nil
	}
	return sum
}

// computeSum reads the file.
func (fs *fileSystem) computeSum(ctx context.Context, name string, algorithm ftpproto.HashAlgorithm, from, to int64) (ftpproto.Digest, error) {
	file, err := fs.Open(ctx, name, from)
	if err != nil {
		return ftpproto.Digest{}, err
	}
	defer file.Close()
	size := file.(*download).reader.Info().Size
	switch {
	case to < 0:
		to = size
	case to > size:
		return ftpproto.Digest{}, ftpproto.ErrRange
	}
	sum := algorithm.New()
	buf := make([]byte, sumBuffer)
	for rest := to - from; rest > 0; {
		if ctx.Err() != nil { // a local file can be read all the same
			return ftpproto.Digest{}, context.Cause(ctx)
		}
		n, err := file.Read(buf[:min(rest, sumBuffer)])
		sum.Write(buf[:n])
		if rest -= int64(n); err == nil || rest == 0 {
			continue
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return ftpproto.Digest{}, fmt.Errorf("read %s to sum it: %w", name, err)
	}
	return ftpproto.Digest{Sum: sum.Sum(nil), Bytes: to - from}, nil
}
