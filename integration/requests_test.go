package integration

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestRequests holds what each FTP command asks of each store to a golden file: requests cost
// money and round trips, and a change of them is to be seen in review. -update writes the files.
func TestRequests(t *testing.T) {
	for _, kind := range lakeKinds {
		if kind == "local" {
			continue // it makes none
		}
		t.Run(kind, func(t *testing.T) {
			var log requestLog
			g := startGateway(t, newLake(t, kind).watch(t, func(r *http.Request) { log.add(requestLine(r)) }))
			require.Eventually(t, func() bool { return g.ready() == http.StatusOK }, startDeadline, pollInterval)
			c := dialRaw(t, g.FTP, "bench")
			log.take() // the check at start

			var got strings.Builder
			for _, step := range requestSteps {
				step.do(c)
				asked := log.take()
				if step.parallel {
					slices.Sort(asked)
				}
				fmt.Fprintf(&got, "%s: %d\n", step.name, len(asked))
				for _, line := range asked {
					fmt.Fprintf(&got, "\t%s\n", line)
				}
			}
			requireGolden(t, filepath.Join("testdata", "requests-"+kind+".txt"), got.String())
		})
	}
}

// requestSteps are done in this order by one user.
var requestSteps = []struct {
	name     string
	parallel bool // requests go side by side, and are sorted
	do       func(c *rawClient)
}{
	{"STOR, 200 KiB, new", false, func(c *rawClient) { c.upload("small.jpg", make([]byte, 200*kib)) }},
	{"STOR, 200 KiB, over it", false, func(c *rawClient) { c.upload("small.jpg", make([]byte, 200*kib)) }},
	{"STOR, 20 MiB", true, func(c *rawClient) { c.upload("large.bin", make([]byte, 20*mib)) }},
	{"APPE to 200 KiB", false, func(c *rawClient) { c.append("small.jpg", []byte("more")) }},
	{"APPE to 20 MiB", true, func(c *rawClient) { c.append("large.bin", []byte("more")) }},
	{"APPE to what is not there", false, func(c *rawClient) { c.append("log.txt", []byte("first")) }},
	{"SIZE", false, func(c *rawClient) { c.cmd(213, "SIZE small.jpg") }},
	{"SIZE of what is not there", false, func(c *rawClient) { c.cmd(550, "SIZE none.jpg") }},
	{"MDTM", false, func(c *rawClient) { c.cmd(213, "MDTM small.jpg") }},
	{"MFMT", false, func(c *rawClient) { c.cmd(213, "MFMT 20200102030405 small.jpg") }},
	{"HASH of 200 KiB", false, func(c *rawClient) { c.cmd(213, "HASH small.jpg") }},
	{"RETR", false, func(c *rawClient) { c.receive("RETR small.jpg") }},
	{"RETR of 20 MiB", false, func(c *rawClient) { c.receive("RETR large.bin") }},
	{"RETR after REST", false, func(c *rawClient) { c.cmd(350, "REST 1000"); c.receive("RETR small.jpg") }},
	{"MLSD", false, func(c *rawClient) { c.receive("MLSD") }},
	{"LIST", false, func(c *rawClient) { c.receive("LIST -a") }},
	{"NLST", false, func(c *rawClient) { c.receive("NLST") }},
	{"MLST", false, func(c *rawClient) { c.cmd(250, "MLST small.jpg") }},
	{"MKD", false, func(c *rawClient) { c.cmd(257, "MKD sub") }},
	{"CWD", false, func(c *rawClient) { c.cmd(250, "CWD sub") }},
	{"CWD to /", false, func(c *rawClient) { c.cmd(250, "CWD /") }},
	{"CWD to what is not there", false, func(c *rawClient) { c.cmd(550, "CWD none") }},
	{"RNFR", false, func(c *rawClient) { c.cmd(350, "RNFR small.jpg") }},
	{"RNTO", false, func(c *rawClient) { c.cmd(250, "RNTO sub/other.jpg") }},
	{"RNFR of a folder", false, func(c *rawClient) { c.cmd(350, "RNFR sub") }},
	{"RNTO of a folder with 1 file", true, func(c *rawClient) { c.cmd(250, "RNTO dir") }},
	{"DELE", false, func(c *rawClient) { c.cmd(250, "DELE dir/other.jpg") }},
	{"DELE of what is not there", false, func(c *rawClient) { c.cmd(550, "DELE dir/other.jpg") }},
	{"RMD", true, func(c *rawClient) { c.cmd(250, "RMD dir") }},
	{"RMD of what is not there", false, func(c *rawClient) { c.cmd(550, "RMD none") }},
}

// requestLine shows a request with the bucket, and what differs from run to run, left out.
func requestLine(r *http.Request) string {
	var query []string
	for name, values := range r.URL.Query() {
		switch name {
		case "partNumber", "comp", "restype", "uploadType", "list-type", "max-keys", "maxResults", "maxresults", "delimiter", "prefix", "name":
			query = append(query, name+"="+values[0])
		case "uploads", "uploadId", "delete", "rewriteToken", "blockid":
			query = append(query, name)
		}
	}
	slices.Sort(query)
	line := r.Method + " " + unescaped(r.URL)
	if len(query) > 0 {
		line += "?" + strings.Join(query, "&")
	}
	line = bucketNames.ReplaceAllString(line, "bucket")
	return randomNames.ReplaceAllString(line, "<id>")
}

func unescaped(u *url.URL) string {
	path, err := url.PathUnescape(u.EscapedPath())
	if err != nil {
		return u.EscapedPath()
	}
	return path
}

var (
	bucketNames = regexp.MustCompile(`test-[a-z2-7]{26}`)
	randomNames = regexp.MustCompile(`[A-Z2-7]{26}|[0-9a-f]{32,}`)
)

// requireGolden compares got with a file, or writes the file.
func requireGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o750))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if !bytes.Equal(want, []byte(got)) {
		require.Equal(t, strings.Split(string(want), "\n"), strings.Split(got, "\n"), "%s differs; -update writes it anew", file)
	}
}
