package ftpproto

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReplies(t *testing.T) {
	for _, tt := range []struct {
		reply reply
		want  string
	}{
		{reply{code: 200, text: "OK."}, "200 OK.\r\n"},
		{reply{code: 257, text: quoted("/a\"b\r\n221 Bye\x00\x7f")}, "257 \"/a\"\"b??221 Bye??\"\r\n"},
		{reply{code: 250, text: "\xff\xfeÿ"}, "250 \xff\xff\xfeÿ\r\n"},
		{reply{code: 211, text: "Extensions:", lines: []string{" SIZE"}}, "211-Extensions:\r\n SIZE\r\n211 End\r\n"},
		{reply{code: 211, text: "None", lines: []string{}}, "211-None\r\n211 End\r\n"},
		{reply{code: 212, text: "x", lines: []string{"212 End", "a\r\nb", ""}}, "212-x\r\n 212 End\r\na??b\r\n\r\n212 End\r\n"},
	} {
		server, client := net.Pipe()
		w := replyWriter{conn: server, timeout: time.Minute}
		sent := make(chan error, 1)
		go func() {
			sent <- w.send(tt.reply)
			server.Close()
		}()
		got, err := io.ReadAll(client)
		require.NoError(t, err)
		require.NoError(t, <-sent)
		require.Equal(t, tt.want, string(got))
	}
}

func TestReplyToSlowClient(t *testing.T) {
	server, client := net.Pipe()
	defer client.Close()
	w := replyWriter{conn: server, timeout: time.Millisecond}
	err := w.send(reply{code: 200, text: "OK."})
	var timeout net.Error
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
}

func TestResolve(t *testing.T) {
	s := &session{cwd: "/in/a"}
	for arg, want := range map[string]string{
		"":                     "/in/a",
		".":                    "/in/a",
		"b":                    "/in/a/b",
		"b/":                   "/in/a/b",
		"../b":                 "/in/b",
		"../../../../etc":      "/etc",
		"/":                    "/",
		"//x//y":               "/x/y",
		"/../..":               "/",
		"/a/./b/../c":          "/a/c",
		`..\..\x`:              `/in/a/..\..\x`,
		"%2e%2e/x":             "/in/a/%2e%2e/x",
		" ":                    "/in/a/ ",
		"...":                  "/in/a/...",
		"~":                    "/in/a/~",
		"b/../../../../../etc": "/etc",
	} {
		require.Equal(t, want, s.resolve(arg), "%q", arg)
	}
	for _, arg := range []string{"/", "b/", "..//..", ".", "../../..", "b/."} {
		_, err := s.resolveFile(arg)
		if arg == "." || arg == "b/." {
			require.NoError(t, err, arg) // the file system knows that these are folders
			continue
		}
		require.ErrorIs(t, err, ErrNotFile, arg)
	}
}
