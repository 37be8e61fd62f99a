package ftptest

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidegate/tidegate/ftpproto"
)

// script is a parsed transcript.
type script struct {
	file  string
	lines []string // as in the file, for rewriting

	listen   string // address of the server
	server   ftpproto.Options
	listener ftpproto.ListenerOptions
	users    []User
	hooks    []Hook
	before   []string
	after    []string // nil if the tree must end as it began
	steps    []step
}

// step is one thing that happens: one line of the dialogue, or a group of like lines, one right
// after the other, that belong together.
type step struct {
	conn  string // "1", "2", …
	kind  kind
	text  []string // without the prefix
	first int      // index of its first line in the file
}

// kind says what a line of the dialogue is, by its prefix.
type kind string

const (
	clientLine kind = "C:" // lines that the client sends in one write
	clientRaw  kind = "C>" // bytes that it sends in one write; grouped with clientLine
	clientIn   kind = "C<" // bytes that the server sends outside of replies
	clientDoes kind = "C!"
	reply      kind = "S:"
	serverDoes kind = "S!"
	dataOut    kind = "D>"
	dataIn     kind = "D<"
	dataDoes   kind = "D!"
)

var (
	stepLine    = regexp.MustCompile(`^([CSD])([1-9]?)([:><!])(?: (.*))?$`)
	settingLine = regexp.MustCompile(`^([a-z][a-z-]*):\s*(.*)$`)
	endOfReply  = regexp.MustCompile(`^\d{3}( |$)`)
)

// parseFile reads a transcript.
func parseFile(file string) (*script, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, fmt.Errorf("read transcript: %w", err)
	}
	s := &script{file: file, lines: strings.Split(string(text), "\n"), listen: "127.0.0.1"}
	var tree *[]string // that indented lines go to
	for i, line := range s.lines {
		var err error
		if m := stepLine.FindStringSubmatch(line); m != nil {
			err = s.addStep(i, m[1]+m[3], m[2], m[4])
		} else if m := settingLine.FindStringSubmatch(line); m != nil {
			tree, err = s.set(m[1], m[2])
		} else if entry := strings.TrimSpace(line); entry != "" && entry[0] != '#' {
			if tree == nil || line[0] != ' ' {
				err = fmt.Errorf("cannot read %q", line)
			} else {
				*tree = append(*tree, entry)
			}
		}
		if err != nil {
			return nil, s.errorAt(i, err)
		}
	}
	if len(s.users) == 0 {
		s.users = []User{{Name: "bob", Password: "secret"}}
	}
	return s, nil
}

func (s *script) errorAt(line int, err error) error {
	return fmt.Errorf("%s:%d: %w", s.file, line+1, err)
}

// addStep adds a line of the dialogue to the step that it continues, or as a new one.
func (s *script) addStep(line int, prefix, conn, text string) error {
	if conn == "" {
		conn = "1"
	}
	k := kind(prefix)
	switch k {
	case clientLine:
		text = strconv.Quote(text + "\r\n")
		k = clientRaw
	case clientRaw, clientIn, clientDoes, reply, serverDoes, dataOut, dataIn, dataDoes:
	default:
		return fmt.Errorf("%q is no kind of line", prefix)
	}
	if len(s.steps) > 0 {
		last := &s.steps[len(s.steps)-1]
		adjacent := last.first+len(last.text) == line
		if adjacent && last.conn == conn && last.kind == k && continues(k, last.text, text) {
			last.text = append(last.text, text)
			return nil
		}
	}
	s.steps = append(s.steps, step{conn: conn, kind: k, text: []string{text}, first: line})
	return nil
}

// continues tells whether text belongs to the group of like lines before it.
func continues(k kind, before []string, text string) bool {
	switch k {
	case clientRaw, dataOut:
		return true
	case dataIn:
		return !isEnd(text) && !isEnd(before[0])
	case reply:
		return !endOfReply.MatchString(before[len(before)-1])
	}
	return false
}

func isEnd(text string) bool { return text == "end" || text == "gone" }

// set takes a setting of the header. It returns where the indented lines that follow go to.
func (s *script) set(key, value string) (tree *[]string, err error) {
	switch key {
	case "before":
		return &s.before, nil
	case "after":
		s.after = []string{}
		return &s.after, nil
	case "listen":
		s.listen = value
	case "tls":
		s.listener.TLS, err = parseTLSMode(value)
	case "timeout":
		err = s.setTimeout(value)
	case "public-address":
		s.listener.Passive.PublicAddress, err = netip.ParseAddr(value)
	case "greeting":
		s.listener.Greeting = value
	case "max-sessions":
		s.server.MaxSessions, err = strconv.Atoi(value)
	case "max-sessions-per-address":
		s.server.MaxSessionsPerAddress, err = strconv.Atoi(value)
	case "user":
		err = s.addUser(value)
	case "fail", "block":
		err = s.addHook(key, value)
	default:
		err = fmt.Errorf("%q is no setting", key)
	}
	return nil, err
}

func parseTLSMode(value string) (ftpproto.TLSMode, error) {
	switch value {
	case "explicit":
		return ftpproto.TLSExplicit, nil
	case "required":
		return ftpproto.TLSRequired, nil
	case "implicit":
		return ftpproto.TLSImplicit, nil
	}
	return 0, fmt.Errorf("tls: %q is none of explicit, required, implicit", value)
}

// setTimeout reads "idle 500ms".
func (s *script) setTimeout(value string) error {
	phase, length, _ := strings.Cut(value, " ")
	d, err := time.ParseDuration(length)
	if err != nil {
		return fmt.Errorf("timeout: %w", err)
	}
	t := &s.listener.Timeouts
	phases := map[string]*time.Duration{
		"login": &t.Login, "idle": &t.Idle, "data-open": &t.DataOpen,
		"handshake": &t.Handshake, "stall": &t.Stall, "reply": &t.Reply,
	}
	p, ok := phases[phase]
	if !ok {
		return fmt.Errorf("timeout: %q is no phase", phase)
	}
	*p = d
	return nil
}

// addUser reads "bob secret deny=rw no-times no-sums".
func (s *script) addUser(value string) error {
	words := strings.Fields(value)
	if len(words) < 2 {
		return fmt.Errorf("user: %q is not a name and a password", value)
	}
	u := User{Name: words[0], Password: words[1]}
	for _, word := range words[2:] {
		letters, deny := strings.CutPrefix(word, "deny=")
		switch {
		case deny:
			for _, letter := range letters {
				p, ok := permOf(letter)
				if !ok {
					return fmt.Errorf("user: %q is no permission", letter)
				}
				u.Deny |= p
			}
		case word == "no-times":
			u.NoTimes = true
		case word == "no-sums":
			u.NoSums = true
		default:
			return fmt.Errorf("user: what is %q?", word)
		}
	}
	s.users = append(s.users, u)
	return nil
}

// permOf returns the permission of a letter of RFC 3659 §7.5.5.
func permOf(letter rune) (ftpproto.Perm, bool) {
	for p := ftpproto.PermAppend; p <= ftpproto.PermWrite; p <<= 1 {
		if p.String() == string(letter) {
			return p, true
		}
	}
	return 0, false
}

// addHook reads "read /file [at 5] [552 Text of the reply.]"; without a reply the error is one
// that has none.
func (s *script) addHook(key, value string) error {
	words := strings.Fields(value)
	if len(words) < 2 || !Op(words[0]).known() {
		return fmt.Errorf("%s: %q is not an operation and a name", key, value)
	}
	h := Hook{Op: Op(words[0]), Name: words[1], Do: Block}
	rest := words[2:]
	if len(rest) > 1 && rest[0] == "at" {
		at, err := strconv.ParseInt(rest[1], 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		h.At = at
		rest = rest[2:]
	}
	if key == "fail" {
		h.Do = Fail(errStore)
		if len(rest) > 0 {
			code, err := strconv.Atoi(rest[0])
			if err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
			h.Do = Fail(ftpproto.NewError(code, strings.Join(rest[1:], " "), nil))
			rest = nil
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s: what is %q?", key, rest)
	}
	s.hooks = append(s.hooks, h)
	return nil
}
