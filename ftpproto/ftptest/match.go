package ftptest

import (
	"regexp"
	"strings"
)

var placeholder = regexp.MustCompile(`\{[a-z]+\}`)

// varying returns the regular expression of a placeholder that stands for another text wherever
// it is, "" for a name.
func varying(placeholder string) string {
	switch placeholder {
	case "{port}": // as EPSV and EPRT have it, and as PASV and PORT
		return `\d+(?:,\d+)?`
	case "{date}": // of LIST, recent or old
		return `[A-Z][a-z]{2} [ \d]\d (?:\d\d:\d\d| \d{4})`
	case "{time}": // RFC 3659 §2.3
		return `\d{14}(?:\.\d+)?`
	case "{n}":
		return `\d+`
	case "{any}":
		return `.*`
	}
	return ""
}

// names are the placeholders that have met the word that they stand for.
type names map[string]string

// fill replaces the names that are known in a text that is to be sent.
func (known names) fill(text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(p string) string {
		if value, ok := known[p]; ok {
			return value
		}
		return p
	})
}

// match tells whether got is what want describes, and if so learns its names.
func (known names) match(want, got string) bool {
	if !placeholder.MatchString(want) {
		return want == got
	}
	var re strings.Builder
	var learnt []string
	end := 0
	for _, at := range placeholder.FindAllStringIndex(want, -1) {
		re.WriteString(regexp.QuoteMeta(want[end:at[0]]))
		p := want[at[0]:at[1]]
		end = at[1]
		if value, ok := known[p]; ok {
			re.WriteString(regexp.QuoteMeta(value))
		} else if varying(p) != "" {
			re.WriteString(varying(p))
		} else {
			re.WriteString(`(\S+)`)
			learnt = append(learnt, p)
		}
	}
	re.WriteString(regexp.QuoteMeta(want[end:]))
	m := regexp.MustCompile(`^` + re.String() + `$`).FindStringSubmatch(got)
	if m == nil {
		return false
	}
	for i, p := range learnt {
		known[p] = m[1+i]
	}
	return true
}
