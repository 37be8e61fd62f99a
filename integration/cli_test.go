package integration

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestServeWithoutConfiguration starts the binary as a newcomer does, and pastes the curl line
// that it prints. It needs the port of the quick start, 2121, to be free.
func TestServeWithoutConfiguration(t *testing.T) {
	dir := t.TempDir()
	out := &logBuffer{}
	cmd := exec.Command(binary, "serve")
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})

	curlLine := regexp.MustCompile(`(?m)^\s*(.*curl .*)$`)
	require.Eventually(t, func() bool { return curlLine.MatchString(out.String()) }, startDeadline, 20*time.Millisecond, "no curl line in %v", out)
	line := curlLine.FindStringSubmatch(out.String())[1]
	printed, code := run(t, "sh", "-c", line)
	require.Zero(t, code, "%s\n%s", line, printed)

	landed := regularFiles(t, filepath.Join(dir, "tidegate-data"))
	require.Len(t, landed, 1)
	content, err := os.ReadFile(landed[0])
	require.NoError(t, err)
	require.Equal(t, "hello\n", string(content))
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}

// TestWrongConfiguration wants every mistake of a file named at once, and exit code 2.
func TestWrongConfiguration(t *testing.T) {
	config := filepath.Join(t.TempDir(), "tidegate.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`
listeners:
  - { address: "nowhere", tls: sometimes, passive: { ports: 30099-30000 } }
memory: lots
memroy: 1GiB
stores:
  - { name: lake, type: s3 }
  - { name: disk, type: floppy }
users:
  - name: bench
    mounts: [ { path: data, store: lakee, permissions: [fly] } ]
`), 0o600))
	for _, command := range []string{"check", "serve"} {
		out, code := run(t, binary, command, "--config", config)
		require.Equal(t, 2, code, out)
		for _, field := range []string{
			"listeners[0].address", "listeners[0].tls", "listeners[0].passive.ports", "memory", "memroy",
			"stores[0].bucket", "stores[1].type", "users[0].password", "users[0].mounts[0].path",
			"users[0].mounts[0].store", "users[0].mounts[0].permissions",
		} {
			require.Contains(t, out, field, "from %s", command)
		}
	}
}

// TestPasswd makes a hash and logs in with it.
func TestPasswd(t *testing.T) {
	passwd := exec.Command(binary, "passwd")
	passwd.Stdin = strings.NewReader("s3cret word\n")
	hash, err := passwd.Output()
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(hash, []byte("$argon2id$")), "%s", hash)

	dir, address := t.TempDir(), freeAddress(t)
	config := filepath.Join(dir, "tidegate.json")
	require.NoError(t, os.WriteFile(config, []byte(`{
		"listeners": [{"address": "`+address+`"}],
		"stores": [{"name": "disk", "type": "local", "path": "`+dir+`/data"}],
		"users": [{"name": "ann", "password_hash": "`+strings.TrimSpace(string(hash))+`", "mounts": [{"path": "/", "store": "disk", "permissions": ["all"]}]}]
	}`), 0o600))
	out, code := run(t, binary, "check", "--config", config)
	require.Zero(t, code, out)

	g := &gateway{t: t, FTP: address, log: &logBuffer{}, exited: make(chan struct{})}
	g.start("--config", config)
	c := &rawClient{t: t, conn: dialTCP(t, address)}
	c.greet()
	c.cmd(331, "USER ann")
	c.cmd(530, "PASS wrong")
	c.cmd(331, "USER ann")
	c.cmd(230, "PASS s3cret word")
}
