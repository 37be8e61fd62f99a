package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/integration/azurite"
	"github.com/tidegate/tidegate/integration/fakegcs"
	"github.com/tidegate/tidegate/integration/minio"
)

// startDeadline bounds how long a started gateway may take to listen, on a busy machine.
const startDeadline = 30 * time.Second

// pollInterval is how often a test looks for what a process of its own does in its own time.
const pollInterval = 20 * time.Millisecond

// binary is the path of the tidegate binary that TestMain built.
var binary string //nolint:gochecknoglobals // set once by TestMain, before any test

func TestMain(m *testing.M) {
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "tidegate-integration-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "tidegate")
	build := exec.Command("go", "build", "-o", binary, "../cmd/tidegate")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the binary: %v\n%s", err, out)
		return 1
	}
	return azurite.Run(around{fakegcs.Run, around{minio.Run, m}})
}

// around runs the tests within what starts and ends a store.
type around struct {
	run   func(m interface{ Run() int }) int
	tests interface{ Run() int }
}

// Run implements the tests of a store.
func (a around) Run() int { return a.run(a.tests) }

// settings fills the configuration template of a gateway under test.
type settings struct {
	TLS         string // mode of the listener
	Memory      string
	Lake        string // the entry of the store "lake"; by default an S3 store of these four
	Endpoint    string
	Bucket      string
	AccessKey   string
	SecretKey   string
	Permissions string // of user bench; [all] if empty
	FTP, Admin  string // addresses; chosen by startGateway
	Cert, Key   string // files
	Dir         string // working directory, for the local store
}

var configTemplate = template.Must(template.New("config").Parse(`
listeners:
  - address: {{.FTP}}
    tls: {{.TLS}}
tls: { cert_file: "{{.Cert}}", key_file: "{{.Key}}" }
memory: {{.Memory}}
admin: { address: {{.Admin}} }
stores:
  - {{if .Lake}}{{.Lake}}{{else}}{ name: lake, type: s3, bucket: {{.Bucket}}, endpoint: "{{.Endpoint}}", region: us-east-1, path_style: true, access_key: {{.AccessKey}}, secret_key: {{.SecretKey}} }{{end}}
  - { name: disk, type: local, path: "{{.Dir}}/data" }
users:
  - name: bench
    password: bench
    mounts:
      - { path: /, store: lake, prefix: "partners/{user}/", permissions: {{.Permissions}} }
  - name: disk
    password: disk
    mounts:
      - { path: /, store: disk, prefix: "{user}/", permissions: [all] }
anonymous: { enabled: true, store: disk, prefix: pub/, permissions: [list, read] }
`))

// gateway is a running tidegate process.
type gateway struct {
	t     *testing.T
	cmd   *exec.Cmd
	FTP   string // address of its listener
	Admin string
	Dir   string // its working directory and TMPDIR
	CA    string // file of the certificate it shows

	log    *logBuffer
	exited chan struct{} // closed once the process has ended
	err    error         // of the process, once exited
}

// startGateway starts the binary with the settings and waits until it listens.
func startGateway(t *testing.T, s settings) *gateway {
	t.Helper()
	s.FTP, s.Admin, s.Dir = freeAddress(t), freeAddress(t), t.TempDir()
	s.Cert, s.Key = writeCertificate(t)
	s.TLS = orDefault(s.TLS, "none")
	s.Memory = orDefault(s.Memory, "64MiB")
	s.Permissions = orDefault(s.Permissions, "[all]")
	config := filepath.Join(t.TempDir(), "tidegate.yaml")
	var text bytes.Buffer
	require.NoError(t, configTemplate.Execute(&text, s))
	require.NoError(t, os.WriteFile(config, text.Bytes(), 0o600))

	g := &gateway{t: t, FTP: s.FTP, Admin: s.Admin, Dir: s.Dir, CA: s.Cert, log: &logBuffer{}, exited: make(chan struct{})}
	g.start("--config", config)
	return g
}

// start runs "tidegate serve" and waits until it listens. The process is killed at the end of
// the test if it still runs.
func (g *gateway) start(args ...string) {
	g.t.Helper()
	g.cmd = exec.Command(binary, append([]string{"serve"}, args...)...)
	g.cmd.Dir = g.Dir
	g.cmd.Env = append(os.Environ(), "TMPDIR="+g.Dir)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	require.NoError(g.t, g.cmd.Start())
	go func() {
		g.err = g.cmd.Wait()
		close(g.exited)
	}()
	g.t.Cleanup(func() {
		g.cmd.Process.Kill()
		<-g.exited
		if g.t.Failed() {
			g.t.Logf("log of the gateway:\n%s", g.log)
		}
	})
	g.waitListening()
}

func (g *gateway) waitListening() {
	g.t.Helper()
	require.Eventually(g.t, func() bool {
		select {
		case <-g.exited:
			g.t.Fatalf("gateway ended: %v\n%s", g.err, g.log)
		default:
		}
		conn, err := net.Dial("tcp", g.FTP)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}, startDeadline, 20*time.Millisecond)
}

// stop sends the signal and waits for the end of the process; it returns the exit code.
func (g *gateway) stop(sig os.Signal) int {
	g.t.Helper()
	require.NoError(g.t, g.cmd.Process.Signal(sig))
	select {
	case <-g.exited:
	case <-time.After(startDeadline):
		g.t.Fatal("the gateway did not end")
	}
	return g.cmd.ProcessState.ExitCode()
}

// peakMemory returns the most bytes the process has had resident.
func (g *gateway) peakMemory() int64 {
	return g.procField("status", "VmHWM:") << 10
}

// diskWrites returns how many bytes the process has had written to a file system.
func (g *gateway) diskWrites() int64 {
	return g.procField("io", "write_bytes:")
}

func (g *gateway) procField(file, field string) int64 {
	g.t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/%s", g.cmd.Process.Pid, file))
	require.NoError(g.t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), field); ok {
			var n int64
			_, err := fmt.Sscan(rest, &n)
			require.NoError(g.t, err)
			return n
		}
	}
	g.t.Fatalf("no %s in %s", field, file)
	return 0
}

// ready asks /readyz for its status code.
func (g *gateway) ready() int {
	resp, err := http.Get("http://" + g.Admin + "/readyz")
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

// run runs a command to its end and returns what it printed and its exit code.
func run(t *testing.T, name string, args ...string) (out string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGKILL) }
	both, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatalf("%s: %v (run \"make tools\")", name, err)
	}
	return string(both), cmd.ProcessState.ExitCode()
}

// logBuffer is an io.Writer that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// transfersLogged counts the uploads of name that have ended, well or not.
func (g *gateway) transfersLogged(name string) int {
	count := 0
	for line := range strings.Lines(g.log.String()) {
		if strings.Contains(line, "msg=transfer") && strings.Contains(line, "path=/"+name+" ") {
			count++
		}
	}
	return count
}
