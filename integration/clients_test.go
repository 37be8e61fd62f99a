package integration

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// way is how a client reaches the gateway.
type way struct {
	name    string
	tls     string   // mode of the listener
	active  bool     // PORT instead of PASV
	clients []client // that can
}

var (
	plain = way{name: "plain, passive", tls: "none", clients: clients}
	ways  = []way{
		plain,
		{name: "plain, active", tls: "none", active: true, clients: clients},
		{name: "explicit TLS, passive", tls: "explicit", clients: clients},
		// curl 7.87 and 7.88 do not begin TLS on active data connections (curl issue 10666).
		{name: "explicit TLS, active", tls: "explicit", active: true, clients: []client{lftp}},
		{name: "required TLS", tls: "required", clients: clients},
		{name: "implicit TLS", tls: "implicit", clients: clients},
	}
)

// client drives one real FTP client.
type client struct {
	name     string
	upload   func(t *testing.T, g *gateway, w way, file, remote string)
	download func(t *testing.T, g *gateway, w way, remote, file string)
	list     func(t *testing.T, g *gateway, w way, dir string) (names []string)
	rename   func(t *testing.T, g *gateway, w way, from, to string)
	remove   func(t *testing.T, g *gateway, w way, name string)
	mkdir    func(t *testing.T, g *gateway, w way, name string)
}

var (
	curl = client{
		name: "curl",
		upload: func(t *testing.T, g *gateway, w way, file, remote string) {
			runCurl(t, g, w, "--upload-file", file, curlURL(g, w, remote))
		},
		download: func(t *testing.T, g *gateway, w way, remote, file string) {
			runCurl(t, g, w, "--output", file, curlURL(g, w, remote))
			if _, err := os.Stat(file); err != nil { // curl makes no file for no bytes
				require.NoError(t, os.WriteFile(file, nil, 0o600))
			}
		},
		list: func(t *testing.T, g *gateway, w way, dir string) []string {
			return strings.Fields(runCurl(t, g, w, "--list-only", curlURL(g, w, dir+"/")))
		},
		rename: func(t *testing.T, g *gateway, w way, from, to string) {
			runCurl(t, g, w, "--quote", "RNFR "+from, "--quote", "RNTO "+to, curlURL(g, w, ""))
		},
		remove: func(t *testing.T, g *gateway, w way, name string) {
			runCurl(t, g, w, "--quote", "DELE "+name, curlURL(g, w, ""))
		},
		mkdir: func(t *testing.T, g *gateway, w way, name string) {
			runCurl(t, g, w, "--quote", "MKD "+name, curlURL(g, w, ""))
		},
	}
	lftp = client{
		name: "lftp",
		upload: func(t *testing.T, g *gateway, w way, file, remote string) {
			runLftp(t, g, w, fmt.Sprintf("mkdir -p -f %q; put %q -o %q", path.Dir(remote), file, remote))
		},
		download: func(t *testing.T, g *gateway, w way, remote, file string) {
			runLftp(t, g, w, fmt.Sprintf("get %q -o %q", remote, file))
		},
		list: func(t *testing.T, g *gateway, w way, dir string) []string {
			return strings.Fields(runLftp(t, g, w, fmt.Sprintf("cd %q; cls -1", dir)))
		},
		rename: func(t *testing.T, g *gateway, w way, from, to string) {
			runLftp(t, g, w, fmt.Sprintf("mv %q %q", from, to))
		},
		remove: func(t *testing.T, g *gateway, w way, name string) {
			runLftp(t, g, w, fmt.Sprintf("rm %q", name))
		},
		mkdir: func(t *testing.T, g *gateway, w way, name string) {
			runLftp(t, g, w, fmt.Sprintf("mkdir %q", name))
		},
	}
	clients = []client{curl, lftp}
)

func curlURL(g *gateway, w way, remote string) string {
	scheme := "ftp"
	if w.tls == "implicit" {
		scheme = "ftps"
	}
	return scheme + "://" + g.FTP + "/" + remote
}

func runCurl(t *testing.T, g *gateway, w way, args ...string) string {
	t.Helper()
	all := []string{"--silent", "--show-error", "--user", "bench:bench", "--ftp-create-dirs", "--cacert", g.CA}
	if w.tls != "none" {
		all = append(all, "--ssl-reqd")
	}
	if w.active {
		all = append(all, "--ftp-port", "-")
	}
	out, code := run(t, "curl", append(all, args...)...)
	require.Zero(t, code, "curl %s:\n%s", args, out)
	return out
}

func runLftp(t *testing.T, g *gateway, w way, commands string) string {
	t.Helper()
	scheme := "ftp"
	if w.tls == "implicit" {
		scheme = "ftps"
	}
	script := fmt.Sprintf(`set cmd:fail-exit true; set net:max-retries 1; set net:timeout 60; set ssl:ca-file %s;
		set ftp:ssl-force %t; set ftp:ssl-protect-data true; set ftp:ssl-allow %t; set ftp:passive-mode %t;
		open -u bench,bench %s://%s; %s; bye`, g.CA, w.tls != "none", w.tls != "none", !w.active, scheme, g.FTP, commands)
	out, code := run(t, "lftp", "--norc", "-c", script)
	require.Zero(t, code, "lftp %s:\n%s", commands, out)
	return out
}

// TestClients does everyday work with each client in each way of connecting.
func TestClients(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			b := newBucket(t)
			s := b.settings()
			s.TLS = w.tls
			g := startGateway(t, s)
			for _, c := range w.clients {
				t.Run(c.name, func(t *testing.T) { everydayWork(t, b, g, c, w) })
			}
			for key := range b.keys() {
				require.True(t, strings.HasPrefix(key, "partners/bench/"), "%q is outside the user's prefix", key)
			}
		})
	}
}

func everydayWork(t *testing.T, b *bucket, g *gateway, c client, w way) {
	root := "partners/bench/"
	dir := c.name
	c.mkdir(t, g, w, dir)
	small, large := randomFile(t, "small.bin", 4*kib), randomFile(t, "large.bin", 20*mib)
	c.upload(t, g, w, small, dir+"/small.bin")
	c.upload(t, g, w, large, dir+"/large.bin")
	require.ElementsMatch(t, []string{"large.bin", "small.bin"}, baseNames(c.list(t, g, w, dir)))

	c.rename(t, g, w, dir+"/large.bin", dir+"/renamed.bin")
	require.Equal(t, sumOfFile(t, large), b.sum(root+dir+"/renamed.bin"))
	require.NotContains(t, b.keys(), root+dir+"/large.bin")

	back := filepath.Join(t.TempDir(), "back")
	c.download(t, g, w, dir+"/renamed.bin", back)
	require.Equal(t, sumOfFile(t, large), sumOfFile(t, back))

	c.upload(t, g, w, large, dir+"/small.bin") // over an existing file
	require.Equal(t, sumOfFile(t, large), b.sum(root+dir+"/small.bin"))

	c.remove(t, g, w, dir+"/renamed.bin")
	require.NotContains(t, b.keys(), root+dir+"/renamed.bin")
}

func baseNames(names []string) []string {
	for i := range names {
		names[i] = path.Base(strings.TrimSuffix(names[i], "/"))
	}
	return names
}
