package ftpproto

import (
	"strconv"
	"strings"
	"time"
)

// factSet is which facts MLST and MLSD show (RFC 3659 §7.5), as OPTS MLST chooses.
type factSet uint8

const (
	factType factSet = 1 << iota
	factSize
	factModify
	factPerm
	factUnique
	factMode

	allFacts = 1<<iota - 1
)

var factNames = [...]string{"type", "size", "modify", "perm", "unique", "UNIX.mode"}

// parseFacts returns the known ones of a list like "type;size;". The others are ignored, as
// RFC 3659 §7.9 wants it.
func parseFacts(list string) factSet {
	var set factSet
	for name := range strings.SplitSeq(list, ";") {
		for i, known := range factNames {
			if strings.EqualFold(name, known) {
				set |= 1 << i
			}
		}
	}
	return set
}

func (f factSet) String() string {
	var b strings.Builder
	for i, name := range factNames {
		if f&(1<<i) != 0 {
			b.WriteString(name + ";")
		}
	}
	return b.String()
}

// mlstFeature is the FEAT line: all facts, with an asterisk where one is shown.
func mlstFeature(s *session) []string {
	var b strings.Builder
	b.WriteString("MLST ")
	for i, name := range factNames {
		b.WriteString(name)
		if s.facts&(1<<i) != 0 {
			b.WriteByte('*')
		}
		b.WriteByte(';')
	}
	return []string{b.String()}
}

// appendFacts appends what MLST and MLSD say before the name, and the space behind it.
func appendFacts(b []byte, facts factSet, info FileInfo) []byte {
	if facts&factType != 0 {
		if info.IsDir {
			b = append(b, "type=dir;"...)
		} else {
			b = append(b, "type=file;"...)
		}
	}
	if facts&factSize != 0 && !info.IsDir {
		b = append(b, "size="...)
		b = append(strconv.AppendInt(b, info.Size, 10), ';')
	}
	if facts&factModify != 0 && !info.ModTime.IsZero() {
		b = append(b, "modify="...)
		b = append(appendTime(b, info.ModTime), ';')
	}
	if facts&factPerm != 0 {
		b = append(b, "perm="...)
		b = append(append(b, info.Perm.String()...), ';')
	}
	if facts&factUnique != 0 && info.Unique != "" {
		b = append(b, "unique="...)
		b = append(appendPrintable(b, info.Unique), ';')
	}
	if facts&factMode != 0 {
		b = append(b, "UNIX.mode=0"...)
		b = append(strconv.AppendInt(b, int64(unixMode(info)), 8), ';')
	}
	return append(b, ' ')
}

// timeLayout is the time-val of RFC 3659 §2.3, always in UTC.
const timeLayout = "20060102150405"

func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC().Truncate(time.Millisecond)
	b = t.AppendFormat(b, timeLayout)
	if t.Nanosecond() != 0 {
		b = t.AppendFormat(b, ".000")
	}
	return b
}

// parseTime parses a time-val. Digits behind the nanosecond are dropped.
func parseTime(s string) (time.Time, error) {
	return time.ParseInLocation(timeLayout, s, time.UTC)
}

// unixMode makes mode bits of what the user may do. Nobody else is known: group and others are
// shown the reader's part of it.
func unixMode(info FileInfo) uint32 {
	var mode uint32
	if info.IsDir {
		if info.Perm&PermList != 0 {
			mode |= 0o444
		}
		if info.Perm&(PermCreate|PermMkdir|PermPurge) != 0 {
			mode |= 0o200
		}
		if info.Perm&PermEnter != 0 {
			mode |= 0o111
		}
		return mode
	}
	if info.Perm&PermRead != 0 {
		mode |= 0o444
	}
	if info.Perm&(PermWrite|PermAppend) != 0 {
		mode |= 0o200
	}
	return mode
}
