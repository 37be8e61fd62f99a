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
// order they were put. A part that was put again has another line, and the last one counts. A line
// that is torn by a crash ends the record.

// recordSuffix is what the record's name has more than that of the file it belongs to.
const recordSuffix = ".parts"

// maxLine bounds a line: a header has a key, each byte of which JSON can write as six.
const maxLine = 6*maxKey + 1024

type header struct {
	Key  string
	Base int64 // bytes before the first part
}

type record struct {
	Number  int
	Size    int64
	Sum     uint64
	Dropped bool `json:",omitempty"` // the part of this number is about to be written over
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

// writeHeader begins the record.
func (u *upload) writeHeader() error { return u.rewriteRecord(header{Key: u.key, Base: u.size}) }

// rewriteRecord replaces the record, if there is one, by what u.parts says.
func (u *upload) rewriteRecord(head header) error {
	lines := appendLine(nil, head)
	for _, r := range u.parts {
		lines = appendLine(lines, r)
	}
	draft := u.recordPath() + ".new"
	if err := u.d.root.WriteFile(draft, lines, fileMode); err != nil {
		return err
	}
	return u.d.root.Rename(draft, u.recordPath())
}

// writeRecord adds a line to the record.
func (u *upload) writeRecord(r record) error {
	f, err := u.d.root.OpenFile(u.recordPath(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(appendLine(nil, r))
	return errors.Join(err, f.Close())
}

func appendLine(lines []byte, v any) []byte {
	line, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs always have a JSON form
	}
	return append(append(lines, line...), '\n')
}

func (u *upload) removeRecord() { _ = u.d.root.Remove(u.recordPath()) } // else it is found abandoned

// readRecords reads the record. An upload of which only the record is left has ended.
func (u *upload) readRecords() (header, []record, error) {
	var head header
	if _, err := u.d.root.Lstat(stagedPath(u.id)); err != nil {
		return head, nil, err
	}
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
		if parts = parts[:r.Number-1]; !r.Dropped {
			parts = append(parts, r)
		}
	}
	return head, parts, lines.Err()
}

// load opens the file, believes of the record what the bytes prove, and writes it anew without
// the rest.
func (u *upload) load(ctx context.Context) error {
	head, recorded, err := u.readRecords()
	if err != nil {
		return err
	}
	u.file, err = u.d.root.OpenFile(stagedPath(u.id), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	u.size = head.Base
	if err = u.prove(ctx, recorded); err == nil {
		err = u.rewriteRecord(head)
	}
	if err != nil {
		discard(u.file)
	}
	return err
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
