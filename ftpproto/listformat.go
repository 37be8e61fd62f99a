package ftpproto

import (
	"strconv"
	"time"
)

// listFormat appends the line for one entry of a listing, without its line end. name is what
// the listing calls the entry.
type listFormat func(b []byte, info FileInfo, name string) []byte

// unixFormat is that of LIST: "ls -l" as vsftpd prints it, which every client can parse. Times
// are in UTC.
func unixFormat(now time.Time) listFormat {
	return func(b []byte, info FileInfo, name string) []byte {
		b = appendMode(b, info)
		b = append(b, "    1 ftp      ftp      "...) //nolint:dupword // owner and group
		b = appendPadded(b, info.Size)
		b = append(b, ' ')
		b = appendListTime(b, info.ModTime.UTC(), now)
		b = append(b, ' ')
		return appendPrintable(b, name)
	}
}

// nameFormat is that of NLST.
func nameFormat(b []byte, _ FileInfo, name string) []byte {
	return appendPrintable(b, name)
}

// factFormat is that of MLSD and MLST.
func factFormat(facts factSet) listFormat {
	return func(b []byte, info FileInfo, name string) []byte {
		return appendPrintable(appendFacts(b, facts, info), name)
	}
}

func appendMode(b []byte, info FileInfo) []byte {
	const letters = "rwxrwxrwx"
	kind := byte('-')
	if info.IsDir {
		kind = 'd'
	}
	b = append(b, kind)
	mode := unixMode(info)
	for i := range len(letters) {
		letter := letters[i]
		if mode&(0o400>>i) == 0 {
			letter = '-'
		}
		b = append(b, letter)
	}
	return b
}

// appendPadded appends n, at the right of 12 columns.
func appendPadded(b []byte, n int64) []byte {
	const columns = "            "
	var digits [20]byte
	d := strconv.AppendInt(digits[:0], n, 10)
	if len(d) < len(columns) {
		b = append(b, columns[len(d):]...)
	}
	return append(b, d...)
}

// appendListTime shows the year instead of the time of day for what is older than half a year or
// lies ahead, as ls does.
func appendListTime(b []byte, t, now time.Time) []byte {
	const halfYear = 182 * 24 * time.Hour
	if t.IsZero() {
		t = time.Unix(0, 0).UTC() // the year 1 is more than clients can parse
	}
	if age := now.Sub(t); age > halfYear || age < -24*time.Hour {
		return t.AppendFormat(b, "Jan 02  2006")
	}
	return t.AppendFormat(b, "Jan 02 15:04")
}

func appendPrintable(b []byte, s string) []byte {
	for i := range len(s) {
		b = append(b, printable(s[i]))
	}
	return b
}
