package localstore

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/tidegate/tidegate/backends"
)

// The record of an upload is a file of JSON lines: a header, and one line for each part in the
// order they were put. A part that was put again has another line, and the last one counts. What a
// crash has torn ends the record; what it says of bytes that a crash has lost, their sum tells.

// recordSuffix is what the record's name has more than that of the file it belongs to.
const recordSuffix = ".parts"

// maxLine bounds a line: a header has a key, each byte of which JSON can write as six.
const maxLine = 6*maxKey + 1024

type header struct {
	Key  string
	Base int64 // bytes before the first part
}

type record struct {
	Number int
	Size   int64
	Sum    uint64
}

func (r record) part() backends.Part {
	return backends.Part{Number: r.Number, Size: r.Size, Tag: fmt.Sprintf("%x-%016x", r.Size, r.Sum)}
}

// summer is the sum of what is written to it. It is the driver's own and tells torn writes from
// whole ones; nothing of it leaves the driver.
type summer uint64

func (s *summer) Write(p []byte) (int, error) {
	*s = summer(backends.CRC64NVME.Update(uint64(*s), p))
	return len(p), nil
}

// validID reports whether id can be one of rand.Text, and no path.
func validID(id string) bool {
	return id != "" && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

func (u *upload) recordPath() string { return stagedPath(u.id) + recordSuffix }

// newRecord writes a record of what u knows, and puts it into the place of the one before.
func (u *upload) newRecord(head header) error {
	lines := appendLine(nil, head)
	for _, r := range u.parts {
		lines = appendLine(lines, r)
	}
	draft := u.recordPath() + ".new"
	f, err := u.d.root.OpenFile(draft, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_TRUNC, fileMode)
	if err != nil {
		return err
	}
	u.record = f
	if _, err := f.Write(lines); err != nil {
		return err
	}
	return u.d.root.Rename(draft, u.recordPath())
}

func appendLine(lines []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs always have a JSON form
	}
	return append(append(lines, line...), '\n')
}

// readRecord reads the record as whoever had the upload before has left it.
func (u *upload) readRecord() (header, []record, error) {
	var head header
	f, err := u.d.root.Open(u.recordPath())
	if err != nil {
		return head, nil, err
	}
	defer discard(f)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxLine)
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Key != u.key {
		return head, nil, errors.Join(fs.ErrNotExist, lines.Err())
	}
	var parts []record
	for lines.Scan() {
		var r record
		if json.Unmarshal(lines.Bytes(), &r) != nil || r.Number < 1 || r.Number > len(parts)+1 || r.Size < 0 {
			break
		}
		parts = append(parts[:r.Number-1], r)
	}
	return head, parts, lines.Err()
}

// prove takes over the parts whose bytes have their sum, up to the first whose bytes have not.
func (u *upload) prove(ctx context.Context, recorded []record) error {
	for _, r := range recorded {
		if err := ctx.Err(); err != nil {
			return err
		}
		var sum summer
		n, err := io.Copy(&sum, io.NewSectionReader(u.file, u.size, r.Size))
		if err != nil {
			return err
		}
		if n != r.Size || uint64(sum) != r.Sum {
			return nil
		}
		u.parts = append(u.parts, r)
		u.size += n
	}
	return nil
}
