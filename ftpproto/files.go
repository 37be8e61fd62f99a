package ftpproto

import (
	"context"
	"strconv"
	"strings"
	"time"
)

func fileCommands() []command {
	return []command{
		{verb: "DELE", syntax: "<file>", run: (*session).dele, needsArg: true},
		{verb: "RNFR", syntax: "<name>", run: (*session).rnfr, needsArg: true},
		{verb: "RNTO", syntax: "<name>", run: (*session).rnto, needsArg: true},
		{verb: "SIZE", syntax: "<file>", run: (*session).size, needsArg: true, features: feature("SIZE")},
		{verb: "MDTM", syntax: "[<time>] <file>", run: (*session).mdtm, needsArg: true, features: feature("MDTM")},
		{verb: "MFMT", syntax: "<time> <file>", run: (*session).mfmt, needsArg: true,
			available: keepsTimes, features: feature("MFMT")},
		{verb: "MLST", syntax: "[<name>]", run: (*session).mlst, features: mlstFeature},
	}
}

func (s *session) dele(ctx context.Context, arg string) (reply, error) {
	name, err := s.resolveFile(arg)
	if err != nil {
		return reply{}, err
	}
	if err := s.fs.Remove(ctx, name); err != nil {
		return reply{}, err
	}
	return reply{code: 250, text: "File removed."}, nil
}

// renameSource is what RNFR found, for the RNTO behind it.
type renameSource struct {
	name string
	info FileInfo
}

func (s *session) rnfr(ctx context.Context, arg string) (reply, error) {
	name := s.resolve(arg)
	if name == "/" {
		return reply{}, ErrDenied
	}
	info, err := s.fs.Stat(ctx, name, AnyKind)
	if err != nil {
		return reply{}, err
	}
	if info.Perm&PermRename == 0 {
		return reply{}, ErrDenied
	}
	s.once.rename = &renameSource{name: name, info: info}
	return reply{code: 350, text: "Send RNTO."}, nil
}

func (s *session) rnto(ctx context.Context, arg string) (reply, error) {
	from := s.before.rename
	if from == nil {
		return reply{}, NewError(503, "Send RNFR first.", nil)
	}
	to := s.resolve(arg)
	if to == "/" {
		return reply{}, ErrName
	}
	if err := s.fs.Rename(ctx, from.name, from.info, to); err != nil {
		return reply{}, err
	}
	return reply{code: 250, text: "Renamed."}, nil
}

// statFile asks for a file by the one request that this takes.
func (s *session) statFile(ctx context.Context, arg string) (FileInfo, error) {
	name, err := s.resolveFile(arg)
	if err != nil {
		return FileInfo{}, err
	}
	info, err := s.fs.Stat(ctx, name, FileKind)
	if err == nil && info.IsDir {
		err = ErrNotFile
	}
	return info, err
}

// size answers in bytes of TYPE I. Those of TYPE A would take reading the file (RFC 3659 §4).
func (s *session) size(ctx context.Context, arg string) (reply, error) {
	if !s.binary {
		return reply{}, NewError(550, "SIZE is not known in TYPE A.", nil)
	}
	info, err := s.statFile(ctx, arg)
	if err != nil {
		return reply{}, err
	}
	return reply{code: 213, text: strconv.FormatInt(info.Size, 10)}, nil
}

// mdtm also sets the time if one stands before the name, as clients do where MFMT is missing.
func (s *session) mdtm(ctx context.Context, arg string) (reply, error) {
	if stamp, name, ok := strings.Cut(arg, " "); ok && keepsTimes(s) {
		if t, err := parseTime(stamp); err == nil {
			return s.setModTime(ctx, name, t)
		}
	}
	info, err := s.statFile(ctx, arg)
	if err != nil {
		return reply{}, err
	}
	if info.ModTime.IsZero() {
		return reply{}, NewError(550, "The time of this file is not known.", nil)
	}
	return reply{code: 213, text: string(appendTime(nil, info.ModTime))}, nil
}

func (s *session) mfmt(ctx context.Context, arg string) (reply, error) {
	stamp, name, _ := strings.Cut(arg, " ")
	t, err := parseTime(stamp)
	if err != nil || name == "" {
		return reply{}, NewError(501, "Want MFMT YYYYMMDDHHMMSS <file>.", nil)
	}
	return s.setModTime(ctx, name, t)
}

// keepable reports whether t is within what disks and stores count in, 64 bits of nanoseconds:
// from 1677 to 2262. The beginning of the year 1, which is Go's zero time, would mean none at all.
func keepable(t time.Time) bool { return t.Equal(time.Unix(0, t.UnixNano())) }

// keepsTimes also holds before login, when it is not known yet and FEAT asks.
func keepsTimes(s *session) bool {
	_, ok := s.fs.(TimeSetter)
	return ok || s.fs == nil
}

func (s *session) setModTime(ctx context.Context, arg string, t time.Time) (reply, error) {
	name, err := s.resolveFile(arg)
	switch {
	case err != nil:
		return reply{}, err
	case !keepable(t):
		return reply{}, NewError(501, "That time is too far off to be kept.", nil)
	}
	if err := s.fs.(TimeSetter).SetModTime(ctx, name, t); err != nil {
		return reply{}, err
	}
	return reply{code: 213, text: "Modify=" + string(appendTime(nil, t)) + "; " + name}, nil
}

func (s *session) mlst(ctx context.Context, arg string) (reply, error) {
	name := s.resolve(arg)
	info, err := s.fs.Stat(ctx, name, AnyKind)
	if err != nil {
		return reply{}, err
	}
	return reply{
		code:  250,
		text:  "Listing " + name,
		lines: []string{" " + string(factFormat(s.facts)(nil, info, name))},
	}, nil
}
