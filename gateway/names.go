package gateway

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A store may hold keys that are no names for an FTP client: with control bytes, which end or
// garble the line of a listing; with bytes that are no UTF-8; with an element that is empty, "."
// or "..", which clients resolve. Users see them escaped, so that every key has one name:
//
//   - A byte of the first two kinds is "%" and two upper-case hexadecimal digits. An element that
//     is empty is "%2F", "." is "%2E" and ".." is "%2E%2E".
//   - What a key holds that reads as such an escape, or as one with any number of "25" behind its
//     "%", gets one more "25" there: the key "%0A" has the name "%250A".
//
// All else is shown as it is, "100%.txt" and "a%20b" too. Every name leads to one key, the name
// of which may be another: "%C3%A4" leads to "ä".

// wholeElements are the elements that are escaped as a whole.
var wholeElements = [...]struct{ key, name string }{{"", "%2F"}, {".", "%2E"}, {"..", "%2E%2E"}}

// nameOf returns the name of the elements of a key.
func nameOf(key string) string { return eachElement(key, elementName) }

// keyOf returns the elements of the key that name leads to. It makes no "/" that name has not.
func keyOf(name string) string { return eachElement(name, elementKey) }

func eachElement(s string, change func(element string) string) string {
	var b strings.Builder
	b.Grow(len(s))
	for element := range strings.SplitAfterSeq(s, "/") {
		element, isFolder := strings.CutSuffix(element, "/")
		b.WriteString(change(element))
		if isFolder {
			b.WriteByte('/')
		}
	}
	return b.String()
}

func elementName(key string) string {
	for _, whole := range wholeElements {
		if key == whole.key {
			return whole.name
		}
		if singled(key) == whole.name {
			return "%25" + key[1:]
		}
	}
	if !strings.ContainsFunc(key, mayNeedEscape) {
		return key
	}
	var name strings.Builder
	for rest := key; rest != ""; {
		n := escapeLen(rest)
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case n > 0:
			name.WriteString("%25" + rest[1:n])
			size = n
		case isControl(rest[0]) || r == utf8.RuneError && size == 1:
			fmt.Fprintf(&name, "%%%02X", rest[0])
		default:
			name.WriteString(rest[:size])
		}
		rest = rest[size:]
	}
	return name.String()
}

// mayNeedEscape is false for what most keys are made of, all of it.
func mayNeedEscape(r rune) bool { return r < ' ' || r == 0x7f || r == '%' || r == utf8.RuneError }

func elementKey(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	for _, whole := range wholeElements {
		if name == whole.name {
			return whole.key
		}
		if singled(name) == whole.name {
			return "%" + name[len("%25"):]
		}
	}
	var key strings.Builder
	for rest := name; rest != ""; {
		n := escapeLen(rest)
		switch n {
		case 0:
			n = 1
			key.WriteByte(rest[0])
		case len("%XX"):
			code, _ := hexByte(rest[1:])
			key.WriteByte(code)
		default:
			key.WriteString("%" + rest[len("%25"):n])
		}
		rest = rest[n:]
	}
	return key.String()
}

// singled returns s without the "25"s behind a "%" that it begins with.
func singled(s string) string {
	digits, ok := strings.CutPrefix(s, "%")
	if !ok {
		return s
	}
	for strings.HasPrefix(digits, "25") {
		digits = digits[2:]
	}
	return "%" + digits
}

// escapeLen returns how many bytes of s an escape takes that it begins with, 0 if it begins with
// none. An escape of more than three bytes stands for one with a "25" less.
func escapeLen(s string) int {
	if s[0] != '%' {
		return 0
	}
	escape := singled(s)
	code, ok := hexByte(escape[1:])
	if !ok || !isControl(code) && code < utf8.RuneSelf {
		return 0
	}
	return len(s) - len(escape) + len("%XX")
}

// hexByte reads two upper-case hexadecimal digits.
func hexByte(s string) (code byte, ok bool) {
	if len(s) < 2 || strings.ToUpper(s[:2]) != s[:2] {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:2], 16, 8)
	return byte(n), err == nil
}

func isControl(c byte) bool { return c < ' ' || c == 0x7f }
