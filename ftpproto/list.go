package ftpproto

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"path"
	"strings"
	"time"
)

// listFlush is how much of a listing is collected before it is sent: the first entries of a
// long one leave while the store still looks for the others.
const listFlush = 32 << 10

func (s *session) list(arg string) (job, error) {
	arg = dropOptions(arg)
	return s.listing(arg, listing{format: unixFormat(time.Now())})
}

// nlst shows names that can be used as they are in the commands that follow (RFC 1123
// §4.1.2.7): those of another folder with its path, as the client wrote it.
func (s *session) nlst(arg string) (job, error) {
	arg = dropOptions(arg)
	return s.listing(arg, listing{format: nameFormat, shown: path.Clean(arg)})
}

func (s *session) mlsd(arg string) (job, error) {
	return s.listing(arg, listing{format: factFormat(s.facts), strict: true})
}

// listing returns the job that sends the entries that arg means.
func (s *session) listing(arg string, l listing) (job, error) {
	if err := s.readyForData(); err != nil {
		return job{}, err
	}
	l.fs, l.name, l.here = s.fs, s.resolve(arg), arg == "" || arg == "."
	return job{name: l.name, run: l.run}, nil
}

// dropOptions takes off the options of ls that clients send (LIST -al), which mean nothing
// here. A name that looks like one can be written as "./-a", or behind "--".
func dropOptions(arg string) string {
	for strings.HasPrefix(arg, "-") {
		option, rest, _ := strings.Cut(arg, " ")
		if option == "--" {
			return rest
		}
		if strings.Trim(option[1:], "1AaCcdFfGghiLlNnopRrSsTtUux") != "" || option == "-" {
			return arg
		}
		arg = rest
	}
	return arg
}

// listing is one LIST, NLST or MLSD.
type listing struct {
	fs     FileSystem
	name   string
	shown  string // how the client wrote name, if entries are shown with their path; else ""
	here   bool   // name is the current directory, which was there
	strict bool   // name must be a folder, and is no mask
	format listFormat
}

func (l *listing) run(t *transfer) (reply, error) {
	var buf []byte
	for e, err := range l.entries(t.ctx) {
		if err != nil && l.here && isMissing(err) {
			break // a folder of a store may go with its last file: nothing is in it
		}
		if err != nil {
			return reply{}, err
		}
		if err := t.beginOnce(); err != nil {
			return reply{}, err
		}
		buf = append(l.format(buf, e.info, e.shown), crlf...)
		if len(buf) >= listFlush {
			if _, err := t.conn.Write(buf); err != nil {
				return reply{}, err
			}
			buf = buf[:0]
		}
	}
	if err := t.beginOnce(); err != nil {
		return reply{}, err
	}
	if _, err := t.conn.Write(buf); err != nil {
		return reply{}, err
	}
	if err := t.conn.finish(); err != nil {
		return reply{}, err
	}
	return reply{code: 226, text: "Listing complete."}, nil
}

// beginOnce begins with the first entry, so that a folder that cannot be read is told instead
// of "150".
func (t *transfer) beginOnce() error {
	if t.conn != nil {
		return nil
	}
	return t.begin("Here comes the listing.")
}

// entry is a FileInfo and what the listing calls it.
type entry struct {
	info  FileInfo
	shown string
}

// entries yields what the listing shows: of a folder its entries, of a file the file, of a mask
// the entries that match. The name as it stands comes first: "39[M]" may well be one.
func (l *listing) entries(ctx context.Context) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		missing := l.folder(ctx, l.name, l.shown, nil, yield)
		if missing == nil {
			return
		}
		info, err := l.fs.Stat(ctx, l.name, FileKind)
		switch {
		case err == nil && l.strict:
			yield(entry{}, NewError(501, "Not a directory.", nil))
		case err == nil:
			yield(entry{info, cmp.Or(l.shown, info.Name)}, nil)
		case !isMissing(err):
			yield(entry{}, err)
		case !l.strict && isMask(path.Base(l.name)):
			shown := ""
			if strings.Contains(l.shown, "/") {
				shown = path.Dir(l.shown)
			}
			if l.folder(ctx, path.Dir(l.name), shown, newMask(path.Base(l.name)), yield) != nil {
				yield(entry{}, missing)
			}
		default:
			yield(entry{}, missing)
		}
	}
}

func isMissing(err error) bool {
	return errors.Is(err, ErrNotExist) || errors.Is(err, ErrNotDir) || errors.Is(err, ErrNotFile)
}

// folder yields the entries of a folder that m matches, or all for a nil m. If there is no such
// folder it yields nothing and returns that.
func (l *listing) folder(ctx context.Context, name, shown string, m *mask, yield func(entry, error) bool) error {
	if shown == "." {
		shown = ""
	} else if shown != "" && shown != "/" {
		shown += "/"
	}
	for info, err := range l.fs.ReadDir(ctx, name) {
		if isMissing(err) {
			return err
		}
		matches := true
		if err == nil && m != nil {
			matches, err = m.matches(info.Name)
		}
		if err != nil {
			yield(entry{}, err)
			return nil
		}
		if matches && !yield(entry{info, shown + info.Name}, nil) {
			return nil
		}
	}
	return nil
}
