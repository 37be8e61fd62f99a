package ftptest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/ftpproto"
)

// maxData bounds one "x"*n and one pattern[a:b] of a transcript, which are held in memory.
const maxData = 64 << 20

// Pattern returns the bytes from..to of one endless sequence that holds every byte value and
// never repeats, so that a byte lost, doubled or moved is seen.
func Pattern(from, to int) []byte {
	b := make([]byte, to-from)
	for i := range b {
		at := uint64(from + i)
		b[i] = byte(mix(at>>3) >> (8 * (at & 7)))
	}
	return b
}

// mix is the finaliser of SplitMix64: it spreads x over all 64 bits, one to one.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// parseData reads bytes as transcripts write them: Go strings, "x"*n and pattern[a:b], one after
// the other.
func parseData(text string) ([]byte, error) {
	data := []byte{}
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		if slice, ok := strings.CutPrefix(rest, "pattern["); ok {
			bounds, after, ok := strings.Cut(slice, "]")
			from, to, ok2 := strings.Cut(bounds, ":")
			a, err1 := strconv.Atoi(from)
			b, err2 := strconv.Atoi(to)
			if !ok || !ok2 || errors.Join(err1, err2) != nil || a < 0 || b < a || b-a > maxData {
				return nil, fmt.Errorf("%q is no pattern[from:to]", rest)
			}
			data = append(data, Pattern(a, b)...)
			rest = after
			continue
		}
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return nil, fmt.Errorf("%q is neither a quoted string nor pattern[from:to]", rest)
		}
		s, err := strconv.Unquote(quoted)
		if err != nil {
			return nil, fmt.Errorf("unquote %s: %w", quoted, err)
		}
		rest = rest[len(quoted):]
		count, err := repetition(&rest)
		if err != nil || count*len(s) > maxData {
			return nil, fmt.Errorf("%q is repeated how often?", s)
		}
		data = append(data, strings.Repeat(s, count)...)
	}
	return data, nil
}

// repetition takes "*n" off the front of text.
func repetition(text *string) (int, error) {
	after, ok := strings.CutPrefix(*text, "*")
	if !ok {
		return 1, nil
	}
	digits, rest, _ := strings.Cut(after, " ")
	*text = rest
	n, err := strconv.ParseUint(digits, 10, 31)
	return int(n), err
}

// formatData writes data as parseData reads it, except that of long data that are no prefix of
// the pattern only the beginning, the length and the sum are told.
func formatData(data []byte) string {
	const long = 200
	switch {
	case isPattern(data):
		return fmt.Sprintf("pattern[0:%d]", len(data))
	case len(data) > long:
		return fmt.Sprintf("%q… (%d bytes, SHA-256 %x)", data[:long], len(data), sha256.Sum256(data))
	}
	return strconv.Quote(string(data))
}

// isPattern tells whether data are the beginning of the pattern, and enough of it to be sure.
func isPattern(data []byte) bool {
	const sure = 32
	return len(data) >= sure && bytes.Equal(data[:sure], Pattern(0, sure)) &&
		bytes.Equal(data, Pattern(0, len(data)))
}

// plant puts the entry that line describes into fs: "/folder/", or "/file [time] data". A path
// with a space or a control character is quoted.
func plant(fs *FS, line string) error {
	name, rest, _ := strings.Cut(line, " ")
	if strings.HasPrefix(line, `"`) {
		quoted, err := strconv.QuotedPrefix(line)
		if err != nil {
			return fmt.Errorf("path of %q: %w", line, err)
		}
		if name, err = strconv.Unquote(quoted); err != nil {
			return fmt.Errorf("path of %q: %w", line, err)
		}
		rest = line[len(quoted):]
	}
	if folder, ok := strings.CutSuffix(name, "/"); ok {
		if !isClean(folder) || rest != "" {
			return fmt.Errorf("%q is no folder", line)
		}
		fs.AddFolder(folder)
		return nil
	}
	var modTime time.Time
	rest = strings.TrimSpace(rest)
	if word, after, ok := strings.Cut(rest, " "); ok {
		if t, err := time.Parse(time.RFC3339, word); err == nil {
			modTime, rest = t, after
		}
	}
	data, err := parseData(rest)
	if err != nil {
		return err
	}
	if !isClean(name) || rest == "" {
		return fmt.Errorf("%q is no file", line)
	}
	fs.AddFile(name, data, modTime)
	return nil
}

// Tree describes all files and folders but the root, one line each, in name order, as
// transcripts do. Only times other than Epoch are told.
func (f *FS) Tree() []string {
	var lines []string
	for _, name := range f.Names() {
		line := name
		if strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || !strconv.IsPrint(r) }) {
			line = strconv.Quote(name)
		}
		f.mu.Lock()
		n := f.nodes[name]
		f.mu.Unlock()
		if n != nil && !n.dir {
			if !n.modTime.Equal(Epoch) {
				line += " " + n.modTime.UTC().Format(time.RFC3339Nano)
			}
			line += " " + formatData(n.data)
		}
		lines = append(lines, line)
	}
	return lines
}

// treeOf parses lines of a tree and writes them in their normal form.
func treeOf(lines []string) ([]string, error) {
	fs := New()
	for _, line := range lines {
		if err := plant(fs, line); err != nil {
			return nil, err
		}
	}
	return fs.Tree(), nil
}

var _ ftpproto.Backend = (*FS)(nil)
