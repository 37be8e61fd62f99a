package ftpproto

import (
	"context"
	"crypto/md5"  //nolint:gosec // for clients that know nothing newer
	"crypto/sha1" //nolint:gosec // the same; the draft of HASH demands it
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
)

// HashAlgorithm is a sum that HASH and its forerunners can tell of a file.
type HashAlgorithm int

// The algorithms; the first is the one that HASH uses until OPTS HASH selects another.
const (
	SHA256 HashAlgorithm = iota
	SHA512
	SHA1
	MD5
	CRC32 // of IEEE 802.3, as in zip
)

// hashAlgorithms names them as IANA does ("Hash Function Textual Names"), which has no CRC32.
var hashAlgorithms = [...]struct {
	name string
	make func() hash.Hash
}{
	SHA256: {"SHA-256", sha256.New},
	SHA512: {"SHA-512", sha512.New},
	SHA1:   {"SHA-1", sha1.New},
	MD5:    {"MD5", md5.New},
	CRC32:  {"CRC32", func() hash.Hash { return crc32.NewIEEE() }},
}

// String returns the name that FEAT and OPTS HASH have for a.
func (a HashAlgorithm) String() string { return hashAlgorithms[a].name }

// New returns a new computation of the sum.
func (a HashAlgorithm) New() hash.Hash { return hashAlgorithms[a].make() }

// hashCommands are HASH (draft-bryan-ftpext-hash-02), and what servers had before it.
func hashCommands() []command {
	rows := []command{{verb: "HASH", syntax: "<file>", compute: (*session).hash, needsArg: true,
		available: tellsSums, features: hashFeature}}
	for _, x := range []struct {
		verb      string
		algorithm HashAlgorithm
	}{
		{"XCRC", CRC32}, {"XMD5", MD5}, {"XSHA", SHA1}, {"XSHA1", SHA1}, {"XSHA256", SHA256}, {"XSHA512", SHA512},
	} {
		rows = append(rows, command{verb: x.verb, syntax: `<file> [<start> <end>]`, needsArg: true,
			compute:   func(s *session, arg string) job { return s.xsum(x.algorithm, arg) },
			available: tellsSums, features: feature(x.verb)})
	}
	return rows
}

// tellsSums also holds before login, when it is not known yet and FEAT asks.
func tellsSums(s *session) bool {
	_, ok := s.fs.(Hasher)
	return ok || s.fs == nil
}

// hashFeature is the FEAT line: all algorithms, with an asterisk at the one that is selected.
func hashFeature(s *session) []string {
	names := make([]string, len(hashAlgorithms))
	for i, a := range hashAlgorithms {
		names[i] = a.name
		if s.algorithm == HashAlgorithm(i) {
			names[i] += "*"
		}
	}
	return []string{"HASH " + strings.Join(names, ";")}
}

// selectHash is OPTS HASH, with the name of an algorithm or, to ask for the selected one, without.
func (s *session) selectHash(name string) (reply, error) {
	if name = strings.TrimSpace(name); name != "" {
		a, ok := hashAlgorithm(name)
		if !ok {
			return reply{}, NewError(501, "Unknown algorithm, current selection not changed.", nil)
		}
		s.algorithm = a
	}
	return reply{code: 200, text: s.algorithm.String()}, nil
}

func hashAlgorithm(name string) (HashAlgorithm, bool) {
	for i, a := range hashAlgorithms {
		if strings.EqualFold(name, a.name) {
			return HashAlgorithm(i), true
		}
	}
	return 0, false
}

// The replies of draft-bryan-ftpext-hash §3.5, which differ from those of the older commands.
var (
	errHashFolder = NewError(553, "Not a plain file.", nil)
	errSumRange   = NewError(550, "The range is not within the file.", nil)
)

// hash sums a whole file. The range in its reply includes both ends, and is 0-0 for an empty file
// too: the draft has none for that.
func (s *session) hash(arg string) job {
	readings := []reading{{name: arg, to: -1}}
	if name, rest, ok := cutQuoted(arg); ok && rest == "" {
		readings = append(readings, reading{name: name, to: -1}) // WinSCP quotes names with spaces
	}
	algorithm := s.algorithm
	return s.sum(&summing{algorithm: algorithm, readings: readings, folder: errHashFolder,
		tell: func(name string, d Digest) reply {
			return reply{code: 213, text: fmt.Sprintf("%v 0-%d %x %s", algorithm, max(0, d.Bytes-1), d.Sum, name)}
		}})
}

// xsum is what the commands before HASH have in common. No standard describes them; clients want
// nothing but the sum in the reply.
func (s *session) xsum(algorithm HashAlgorithm, arg string) job {
	readings, problem := parseSumRange(arg)
	return s.sum(&summing{algorithm: algorithm, readings: readings, problem: problem, folder: ErrNotFile,
		tell: func(_ string, d Digest) reply {
			return reply{code: 250, text: fmt.Sprintf("%X", d.Sum)}
		}})
}

// reading is one way to understand the argument of a command.
type reading struct {
	name     string // of the file, as the client wrote it
	from, to int64  // the bytes to sum; to < 0 for all from there on
}

// errSumSyntax: a number alone is the end of the range for some servers, and its start for others.
var errSumSyntax = NewError(501, `Want <file> or "<file>", and then nothing or <start> <end>.`, nil)

// parseSumRange returns how arg can be understood, in the order in which that is to be tried:
// spaces, digits and quotes are good in names, so the name as it stands comes first. The error is
// the reply if there is no such file and arg can be understood in no other way.
//
// start counts from 0, and end is where to stop: its byte is not in the sum, as with ProFTPD and
// GlobalSCAPE, which invented XCRC.
func parseSumRange(arg string) ([]reading, error) {
	readings := []reading{{name: arg, to: -1}}
	name, bounds, quoted := cutQuoted(arg)
	if quoted && bounds == "" {
		return append(readings, reading{name: name, to: -1}), nil
	}
	if !quoted {
		m := unquotedRange.FindStringSubmatch(arg)
		if m == nil {
			return readings, nil
		}
		name, bounds = m[1], m[2]
	}
	fields := strings.Fields(bounds)
	if bounds[0] != ' ' || len(fields) != 2 {
		return readings, errSumSyntax
	}
	from, fromErr := strconv.ParseUint(fields[0], 10, 63)
	to, toErr := strconv.ParseUint(fields[1], 10, 63)
	if fromErr != nil || toErr != nil || from > to {
		return readings, errSumSyntax
	}
	return append(readings, reading{name: name, from: int64(from), to: int64(to)}), nil
}

var unquotedRange = regexp.MustCompile(`(?s)^(.+)( [0-9]+ [0-9]+)$`)

// cutQuoted splits what follows a name in quotes off it; a quote inside is doubled.
func cutQuoted(s string) (name, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] != '"':
		case strings.HasPrefix(s[i:], `""`):
			i++
		default:
			return strings.ReplaceAll(s[1:i], `""`, `"`), s[i+1:], i > 1
		}
	}
	return "", "", false
}

// summing is one HASH or XCRC.
type summing struct {
	session   *session
	hasher    Hasher
	algorithm HashAlgorithm
	readings  []reading
	problem   error  // the reply if none of them is a file; nil to say that it is not there
	folder    *Error // the reply for a folder
	tell      func(name string, d Digest) reply
}

func (s *session) sum(c *summing) job {
	c.session, c.hasher = s, s.fs.(Hasher)
	return job{name: s.resolve(c.readings[0].name), run: c.run}
}

func (c *summing) run(t *transfer) (reply, error) {
	var name string
	var err error
	for _, r := range c.readings {
		var d Digest
		name = r.name
		d, err = c.hash(t.ctx, r)
		switch {
		case err == nil:
			return c.tell(name, d), nil
		case errors.Is(err, ErrRange):
			return reply{}, errSumRange
		case !isMissing(err) && !errors.Is(err, ErrDenied): // which some stores say of what is not there
			return reply{}, err
		}
	}
	if isMissing(err) {
		err = c.missing(t.ctx, name, err)
	}
	return reply{}, err
}

func (c *summing) hash(ctx context.Context, r reading) (Digest, error) {
	name, err := c.session.resolveFile(r.name)
	if err != nil {
		return Digest{}, err
	}
	return c.hasher.Hash(ctx, name, c.algorithm, r.from, r.to)
}

// missing returns the reply for name, which is no file: it may be a folder, which takes a further
// request to know.
func (c *summing) missing(ctx context.Context, name string, err error) error {
	if c.problem != nil {
		return c.problem
	}
	info, statErr := c.session.fs.Stat(ctx, c.session.resolve(name), DirKind)
	if statErr == nil && info.IsDir {
		return c.folder
	}
	return err
}
