package ftpproto

import (
	"path"
	"strings"
)

// resolve returns the absolute, cleaned name that arg means in the current directory. No arg
// leads out of "/".
func (s *session) resolve(arg string) string {
	if !strings.HasPrefix(arg, "/") {
		arg = s.cwd + "/" + arg
	}
	return path.Clean(arg)
}

// resolveFile is resolve for a command that is about a file.
func (s *session) resolveFile(arg string) (string, error) {
	name := s.resolve(arg)
	if name == "/" || strings.HasSuffix(arg, "/") {
		return "", ErrNotFile
	}
	return name, nil
}

// quoted returns name in quotes as RFC 959 §5.4 (PWD) and appendix II have it.
func quoted(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}
