package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/config"
)

// deadline bounds every wait of these tests, on a busy machine.
const deadline = 30 * time.Second

// running is a process under test, reached as a client reaches it.
type running struct {
	*process
	ftp, http, data string // address, URL, directory of the store
}

func startTestProcess(t *testing.T) *running {
	t.Helper()
	t.Cleanup(func() { goleak.VerifyNone(t) }) // runs last
	file := writeConfig(t, "")
	ftp, admin := freeAddress(t), freeAddress(t)
	c, err := config.Load(file, []string{"TIDEGATE_LISTENERS_0_ADDRESS=" + ftp, "TIDEGATE_ADMIN_ADDRESS=" + admin})
	require.NoError(t, err)
	p, err := startProcess(t.Context(), c, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return &running{process: p, ftp: ftp, http: "http://" + admin, data: filepath.Join(filepath.Dir(file), "data")}
}

// freeAddress returns an address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().String()
}

// dialogue is a control connection.
type dialogue struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func (p *running) dial(t *testing.T) *dialogue {
	t.Helper()
	conn, err := net.Dial("tcp", p.ftp)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(deadline)))
	d := &dialogue{t: t, conn: conn, in: bufio.NewReader(conn)}
	d.expect("220 ")
	for _, exchange := range [][2]string{{"USER ann", "331 "}, {"PASS secret", "230 "}, {"TYPE I", "200 "}} {
		d.send(exchange[0])
		d.expect(exchange[1])
	}
	return d
}

func (d *dialogue) send(line string) {
	d.t.Helper()
	_, err := io.WriteString(d.conn, line+"\r\n")
	require.NoError(d.t, err)
}

func (d *dialogue) expect(code string) string {
	d.t.Helper()
	line, err := d.in.ReadString('\n')
	require.NoError(d.t, err)
	require.True(d.t, strings.HasPrefix(line, code), "got %q, want %s", line, code)
	return line
}

// store begins an upload and returns its data connection.
func (d *dialogue) store(name string) net.Conn {
	d.t.Helper()
	d.send("EPSV")
	var port int
	_, err := fmt.Sscanf(d.expect("229 "), "229 Entering Extended Passive Mode (|||%d|)", &port)
	require.NoError(d.t, err)
	data, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(d.t, err)
	d.t.Cleanup(func() { data.Close() })
	d.send("STOR " + name)
	d.expect("150 ")
	return data
}

func (p *running) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: deadline}
	response, err := client.Get(p.http + path)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func (p *running) waitReady(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := p.get(t, "/readyz")
		return status == http.StatusOK
	}, deadline, 10*time.Millisecond)
}

func TestDrainLetsTransfersEnd(t *testing.T) {
	p := startTestProcess(t)
	p.waitReady(t)
	uploader, idler := p.dial(t), p.dial(t)
	data := uploader.store("a.txt")
	_, err := io.WriteString(data, "first half, ")
	require.NoError(t, err)

	drained := make(chan error, 1)
	go func() { drained <- p.drain(make(chan os.Signal)) }()
	idler.expect("421 ")
	status, body := p.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "draining\n", body)
	status, _ = p.get(t, "/healthz")
	require.Equal(t, http.StatusOK, status, "it still lives")
	require.Empty(t, drained, "the transfer still runs")

	_, err = io.WriteString(data, "second half")
	require.NoError(t, err)
	require.NoError(t, data.Close())
	uploader.expect("226 ")
	require.NoError(t, <-drained)
	require.NoError(t, p.close())
	stored, err := os.ReadFile(filepath.Join(p.data, "a.txt"))
	require.NoError(t, err)
	require.Equal(t, "first half, second half", string(stored))
}

func TestSecondSignalCutsTransfers(t *testing.T) {
	p := startTestProcess(t)
	uploader := p.dial(t)
	data := uploader.store("a.txt")
	_, err := io.WriteString(data, "half of it")
	require.NoError(t, err)

	signals := make(chan os.Signal, 1)
	signals <- syscall.SIGTERM
	require.ErrorContains(t, p.drain(signals), "running transfers were cut")
	require.NoError(t, p.close())
	require.NoFileExists(t, filepath.Join(p.data, "a.txt"))
}

func TestDrainTimeoutCutsTransfers(t *testing.T) {
	p := startTestProcess(t)
	p.drainTimeout = time.Millisecond
	p.dial(t).store("a.txt")
	require.ErrorContains(t, p.drain(make(chan os.Signal)), "running transfers were cut")
	require.NoError(t, p.close())
	require.NoFileExists(t, filepath.Join(p.data, "a.txt"))
}

// TestListenerThatEnds: serve must not wait for a signal with nothing left to serve.
func TestListenerThatEnds(t *testing.T) {
	p := startTestProcess(t)
	require.NoError(t, p.admin.close())
	p.fail(io.ErrUnexpectedEOF)
	p.fail(io.EOF)
	require.ErrorIs(t, <-p.failed, io.ErrUnexpectedEOF, "the first one counts")
	require.NoError(t, p.close())
}

func TestReadyzNamesTheStore(t *testing.T) {
	a := newAdmin(func() error { return fmt.Errorf("store lake: connection refused") }, slog.New(slog.DiscardHandler))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- a.serve(l) }()
	p := &running{http: "http://" + l.Addr().String()}

	status, body := p.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "store lake: connection refused\n", body)
	status, _ = p.get(t, "/")
	require.Equal(t, http.StatusNotFound, status)
	require.NoError(t, askHealth(t.Context(), l.Addr().String()))

	require.NoError(t, a.close())
	require.NoError(t, <-ended)
	require.ErrorContains(t, askHealth(t.Context(), l.Addr().String()), "connection refused")
}

func TestHealthcheckTellsTheAnswer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: deadline}
	go server.Serve(l)
	defer server.Close()
	require.EqualError(t, askHealth(t.Context(), l.Addr().String()), l.Addr().String()+" answers 404 Not Found: 404 page not found")
}

func TestHealthcheckCommand(t *testing.T) {
	p := startTestProcess(t)
	file := writeConfig(t, "admin: { address: "+strings.TrimPrefix(p.http, "http://")+" }")
	code, _, stderr := tidegate(t, "", "healthcheck", "--config", file)
	require.Equal(t, exitOK, code, stderr)
	require.NoError(t, p.close())

	code, _, stderr = tidegate(t, "", "healthcheck", "--config", file)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "refused")
	code, _, stderr = tidegate(t, "", "healthcheck", "--config", writeConfig(t, ""))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "admin.address is not set")
}

func TestDialAddress(t *testing.T) {
	for listen, dial := range map[string]string{
		":8080":          "127.0.0.1:8080",
		"0.0.0.0:8080":   "127.0.0.1:8080",
		"[::]:8080":      "[::1]:8080",
		"10.1.2.3:8080":  "10.1.2.3:8080",
		"localhost:8080": "localhost:8080",
	} {
		require.Equal(t, dial, dialAddress(listen))
	}
}

func TestQuickStart(t *testing.T) {
	c, password, err := quickStart()
	require.NoError(t, err)
	require.Empty(t, c.Warnings())
	require.Len(t, c.Users, 1)
	_, again, err := quickStart()
	require.NoError(t, err)
	require.NotEqual(t, password, again)

	var out bytes.Buffer
	greet(&out, password)
	require.Contains(t, out.String(), "\n  echo hello | curl -T - ftp://tidegate:"+password+"@127.0.0.1:2121/hello.txt\n")
	require.Contains(t, out.String(), "./tidegate-data/hello.txt")
}

func TestQuickStartExplainsATakenAddress(t *testing.T) {
	require.NoError(t, explainTaken(nil))
	require.Equal(t, io.EOF, explainTaken(io.EOF))
	err := explainTaken(fmt.Errorf("listen: %w", syscall.EADDRINUSE))
	require.ErrorContains(t, err, "Another program serves 127.0.0.1:2121 already.")
}
