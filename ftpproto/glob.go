package ftpproto

import (
	"strings"
	"unicode/utf8"
)

// maskBudget bounds the work of matching one mask against a whole folder, beyond what is in
// proportion to the folder: that is given anew for each name. It is far more than a mask costs that
// somebody means, and a small part of a second.
const maskBudget = 1 << 22

var errMaskCost = NewError(550, "The mask takes too long to match.", nil)

// mask is a file name pattern of "*", "?" and "[a-z]" or "[!a-z]". It has no escapes: a name that
// looks like a mask is found by itself.
type mask struct {
	pattern string
	left    int // work that may still be done
}

func isMask(name string) bool { return strings.ContainsAny(name, "*?[") }

func newMask(pattern string) *mask { return &mask{pattern: pattern, left: maskBudget} }

// matches reports whether name matches. Only the last "*" is ever gone back to: a match that
// an earlier one could give, the last one can give too. So the work is the product of both
// lengths at the most, where nested tries would grow without bound.
func (m *mask) matches(name string) (bool, error) {
	m.left = min(m.left+4*(len(name)+len(m.pattern)), maskBudget)
	var p, n int          // what is to match next
	star, resume := -1, 0 // behind the last "*", and where its run in name ends
	for n < len(name) || p < len(m.pattern) {
		if m.left--; m.left < 0 {
			return false, errMaskCost
		}
		if p < len(m.pattern) && m.pattern[p] == '*' {
			p++
			star, resume = p, n
			continue
		}
		if p < len(m.pattern) && n < len(name) {
			r, size := utf8.DecodeRuneInString(name[n:])
			if length, ok := m.element(p, r); ok {
				p += length
				n += size
				continue
			}
		}
		if star < 0 || resume >= len(name) {
			return false, nil
		}
		_, size := utf8.DecodeRuneInString(name[resume:])
		resume += size
		p, n = star, resume
	}
	return true, nil
}

// element matches r with the element of the pattern at p, and returns the element's length.
func (m *mask) element(p int, r rune) (length int, ok bool) {
	switch m.pattern[p] {
	case '?':
		return 1, true
	case '[':
		if length, ok := m.class(m.pattern[p:], r); length > 0 {
			return length, ok
		}
	}
	want, size := utf8.DecodeRuneInString(m.pattern[p:])
	return size, want == r
}

// class matches r with the class that s begins with. The length is 0 if it has no end: then
// the "[" stands for itself.
func (m *mask) class(s string, r rune) (length int, ok bool) {
	i := 1
	negated := len(s) > i && (s[i] == '!' || s[i] == '^')
	if negated {
		i++
	}
	for first := i; i < len(s) && (s[i] != ']' || i == first); {
		m.left--
		low, size := utf8.DecodeRuneInString(s[i:])
		i += size
		high := low
		if len(s) > i+1 && s[i] == '-' && s[i+1] != ']' {
			high, size = utf8.DecodeRuneInString(s[i+1:])
			i += 1 + size
		}
		ok = ok || low <= r && r <= high
	}
	if i >= len(s) {
		return 0, false
	}
	return i + 1, ok != negated
}
