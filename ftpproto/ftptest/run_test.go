package ftptest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// play plays a transcript and returns what Run would fail with, and the player.
func play(t *testing.T, text string, mode Mode) (*player, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "transcript.txt")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	p, err := newPlayer(file, mode)
	if err != nil {
		return nil, err
	}
	return p, p.play()
}

func TestTranscriptThatHolds(t *testing.T) {
	for _, mode := range []Mode{{}, {Update: true}, {ReadFrom: true}} {
		p, err := play(t, `# Everything at once.
tls: explicit
user: bob secret
before:
  /a.txt "old"
  "/b c/"

S: 220 Tidegate FTP gateway ready.
C: AUTH TLS
S: 234 {any}
C! tls 1.2
C! login bob
C: PBSZ 0
C> "PROT" " P\r\n"
S: 200 {any}
S: 200 {any}
C: EPSV
S: 229 Entering Extended Passive Mode (|||{port}|)
D! connect
C: STOU
S: 150 FILE: {name}
D! tls
D> "new " "x"*3
D! close
S: 226 {any}
C: EPSV
S: 229 Entering Extended Passive Mode (|||{port}|)
D! connect
C: RETR {name}
S: 150 {any}
D! tls
D< "new"
D< " xxx"
D< end
S: 226 {any}
C: DELE {name}
S: 250 {any}
C2! login bob
C2: QUIT
S2: 221 {any}
S2! closed
`, mode)
		require.NoError(t, err)
		require.Empty(t, p.edits)
	}
}

// Each of these must be found, whether texts are rewritten or not.
func TestTranscriptThatDoesNotHold(t *testing.T) {
	const head = "before:\n  /a.txt \"hello\"\n\nC! login bob\n"
	const retr = "C: EPSV\nS: 229 {any}\nD! connect\nC: RETR a.txt\nS: 150 {any}\n"
	tests := map[string]struct{ text, want string }{
		"reply code":      {head + "C: NOOP\nS: 250 OK.\n", ":6: want\n\t250 OK.\ngot\n\t200 OK."},
		"reply too many":  {head + "C: NOOP\nC: NOOP\nS: 200 {any}\n", "at the end of connection 1: got [\"200 OK.\"] instead of 221"},
		"wrong user":      {"user: bob secret\n\nC! login eve\n", `:3: "eve" is no user`},
		"less data":       {head + retr + "D< \"hello world\"\n", ":10: after \"hello\": unexpected EOF"},
		"more data":       {head + retr + "D< end\n", "want data\n\t\"\"\ngot\n\t\"hello\""},
		"no data":         {head + "D< \"x\"\n", ":5: there is no data connection"},
		"port still open": {head + "C: EPSV\nS: 229 {any}\nD! refused\n", ":7: the port is still open"},
		"no port":         {head + "D! connect\n", ":5: no 227 or 229"},
		"tree":            {head + "C: DELE a.txt\nS: 250 {any}\n", "the tree should be\n\t/a.txt \"hello\"\nbut is\n\t"},
		"tree after":      {head + "after:\n  /b\n", `after: "/b" is no file`},
		"relative path":   {"before:\n  a.txt \"x\"\nS: 220\n", `before: "a.txt \"x\"" is no file`},
		"no TLS":          {head + "C! clear\n", ":5: there is no TLS to end"},
		"unknown act":     {head + "C! dance\n", `:5: "dance" is nothing that a client does`},
		"unknown end":     {head + "S! dances\n", `:5: "dances" is nothing that a server does`},
		"unknown data":    {head + "C: EPSV\nS: 229 {any}\nD! connect\nD! dance\n", `:8: "dance" is nothing`},
		"unknown line":    {head + "X: y\n", `:5: cannot read "X: y"`},
		"unknown kind":    {head + "S> \"x\"\n", `:5: "S>" is no kind of line`},
		"unknown setting": {"colour: red\n", `:1: "colour" is no setting`},
		"unknown timeout": {"timeout: lunch 1h\n", `:1: timeout: "lunch" is no phase`},
		"unknown tls":     {"tls: maybe\n", `:1: tls: "maybe" is none of`},
		"unknown hook":    {"fail: dance /a\n", `:1: fail: "dance /a" is not`},
		"unknown perm":    {"user: bob secret deny=x\n", `:1: user: 'x' is no permission`},
		"bad data":        {head + "C> x\n", `"x" is neither a quoted string nor pattern`},
		"bad pattern":     {head + "C> pattern[2:1]\n", `"pattern[2:1]" is no pattern[from:to]`},
		"bad repetition":  {head + "C> \"x\"*y\n", `"x" is repeated how often?`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := play(t, tt.text, Mode{Update: name != "more data"})
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestEveryStepHasADeadline(t *testing.T) {
	for _, step := range []string{"S: 200\n", "S! closed\n", "S! gone\n", "C< \"x\"\n"} {
		file := filepath.Join(t.TempDir(), "transcript.txt")
		require.NoError(t, os.WriteFile(file, []byte("S: 220 {any}\n"+step), 0o600))
		p, err := newPlayer(file, Mode{})
		require.NoError(t, err)
		p.timeout = 10 * time.Millisecond
		require.ErrorIs(t, p.play(), os.ErrDeadlineExceeded)
	}
}

func TestUpdateRewritesTextsOnly(t *testing.T) {
	before := `# The comment stays.
before:
  /a.txt "one\ntwo"

C! login bob
C: NOOP
S: 200 Fine.
# So does what matches.
C: EPSV
S: 229
D! connect
C: RETR a.txt
S: 150 {any}
D< ""
D< end
S: 226
C: FEAT
S: 211
`
	p, err := play(t, before, Mode{Update: true})
	require.NoError(t, err)
	after := p.rewritten()
	for _, line := range []string{
		"# The comment stays.", "S: 200 OK.", "S: 229 Entering Extended Passive Mode (|||{port}|)",
		"S: 150 {any}", `D< "one\r\n"` + "\n" + `D< "two"` + "\nD< end", "S: 226 Transfer complete.",
		"S: 211-Extensions supported:", "S:  TVFS", "S: 211 End",
	} {
		require.Contains(t, after, line+"\n")
	}
	_, err = play(t, before, Mode{})
	require.ErrorContains(t, err, ":7: want\n\t200 Fine.\ngot\n\t200 OK.")
	p, err = play(t, after, Mode{})
	require.NoError(t, err)
	require.Equal(t, after, p.rewritten())
}

func TestPatternNeverRepeats(t *testing.T) {
	p := Pattern(0, 100_000)
	require.Equal(t, p[777:5000], Pattern(777, 5000))
	require.Equal(t, 1, strings.Count(string(p), string(p[40_000:40_016])))
}
