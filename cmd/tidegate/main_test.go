package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/gateway/auth"
)

// tidegate runs a command line.
func tidegate(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

// writeConfig writes a configuration with one local store in a new directory.
func writeConfig(t *testing.T, more string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "tidegate.yaml")
	text := `
listeners: [{ address: "127.0.0.1:0" }]
stores: [{ name: disk, type: local, path: "` + filepath.Join(dir, "data") + `" }]
users: [{ name: ann, password: secret, mounts: [{ path: /, store: disk, permissions: [all] }] }]
` + more
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func TestVersion(t *testing.T) {
	code, out, _ := tidegate(t, "", "version")
	require.Equal(t, exitOK, code)
	require.Regexp(t, `^tidegate \S+ \(commit \S+, go1\.\S+, \w+/\w+\)\n$`, out)
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range [][]string{
		{"serv"}, {"serve", "--confg", "x"}, {"serve", "extra"}, {"check", "--stores=perhaps"}, {"--version=3"},
	} {
		code, _, stderr := tidegate(t, "", args...)
		require.Equal(t, exitRefused, code, "%v: %s", args, stderr)
		require.Contains(t, stderr, "tidegate --help")
	}
}

func TestHelpAndCompletion(t *testing.T) {
	code, out, _ := tidegate(t, "", "--help")
	require.Equal(t, exitOK, code)
	for _, command := range []string{"serve", "check", "passwd", "healthcheck", "version", "completion"} {
		require.Contains(t, out, command)
	}
	code, out, _ = tidegate(t, "", "completion", "bash")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "__start_tidegate")
}

func TestCheck(t *testing.T) {
	file := writeConfig(t, "")
	code, out, stderr := tidegate(t, "", "check", "--config", file)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "OK\n", out)
	require.Contains(t, stderr, "warning: users[0].password is plain")
	require.NoDirExists(t, filepath.Join(filepath.Dir(file), "data"), "check changes nothing")

	code, out, stderr = tidegate(t, "", "check", "--config", file, "--stores")
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "store disk: OK\n"+"OK\n", out)
}

func TestCheckTellsWhichStoreFails(t *testing.T) {
	// A port that nobody listens at.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	file := writeConfig(t, "")
	for i, store := range []map[string]string{
		{"NAME": "lake", "TYPE": "s3", "BUCKET": "drop", "ACCESS_KEY": "k", "SECRET_KEY": "hunter2"},
		{"NAME": "cloud", "TYPE": "gcs", "BUCKET": "drop"},
		{"NAME": "blobs", "TYPE": "azure", "CONTAINER": "drop", "ACCOUNT": "acct", "ACCOUNT_KEY": "aHVudGVyMg=="},
	} {
		variable := fmt.Sprintf("TIDEGATE_STORES_%d_", i+1)
		t.Setenv(variable+"ENDPOINT", "http://"+l.Addr().String())
		for key, value := range store {
			t.Setenv(variable+key, value)
		}
	}
	code, out, stderr := tidegate(t, "", "check", "--config", file, "--stores")
	require.Equal(t, exitFailed, code)
	require.Equal(t, "store disk: OK\n", out)
	for _, name := range []string{"lake", "cloud", "blobs"} {
		require.Contains(t, stderr, "store "+name+": ")
	}
	require.NotContains(t, stderr, "hunter2")
	require.NotContains(t, stderr, "aHVudGVyMg")
	require.Contains(t, stderr, "tidegate: not every store can be used")
}

// TestRefusedConfiguration: serve and check say the same, all of it, and end with the same code.
func TestRefusedConfiguration(t *testing.T) {
	file := writeConfig(t, `
memory: lots
tls: { cert_file: /nowhere/cert.pem, key_file: /nowhere/key.pem }
`)
	t.Setenv("TIDEGATE_LISTENERS_0_TLS", "explicit")
	t.Setenv("TIDEGATE_USERS_1_NAME", "bob")
	t.Setenv("TIDEGATE_USERS_1_PASSWORD_HASH", "hunter2")
	t.Setenv("TIDEGATE_USERS_1_MOUNTS_0_PATH", "/")
	t.Setenv("TIDEGATE_USERS_1_MOUNTS_0_STORE", "dsk")
	t.Setenv("TIDEGATE_USERS_1_MOUNTS_0_PERMISSIONS", "all")
	for _, command := range []string{"check", "serve"} {
		code, out, stderr := tidegate(t, "", command, "--config", file)
		require.Equal(t, exitRefused, code)
		require.Empty(t, out)
		lines := strings.Split(strings.TrimSpace(stderr), "\n")
		require.Len(t, lines, 5, stderr)
		require.Equal(t, "tidegate: "+file+" is refused:", lines[0])
		require.Contains(t, lines[1], `memory: got "lots", expected a size`)
		require.Contains(t, lines[2], `users[1].mounts[0].store (TIDEGATE_USERS_1_MOUNTS_0_STORE): got "dsk"`)
		require.Contains(t, lines[3], "users[1].password_hash (TIDEGATE_USERS_1_PASSWORD_HASH): ")
		require.NotContains(t, lines[3], "hunter2")
		require.Contains(t, lines[4], "tls.cert_file: reading the certificate /nowhere/cert.pem: ")
	}
}

func TestConfigurationThatIsNotThere(t *testing.T) {
	code, _, stderr := tidegate(t, "", "serve", "--config", "/nowhere/tidegate.yaml")
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "configuration file /nowhere/tidegate.yaml: open /nowhere/tidegate.yaml: no such file")

	t.Setenv("TIDEGATE_CONFIG", "/nowhere/else.yaml")
	code, _, stderr = tidegate(t, "", "check")
	require.Equal(t, exitRefused, code)
	require.Contains(t, stderr, "/nowhere/else.yaml")
}

func TestMisspeltVariableAlone(t *testing.T) {
	t.Setenv("TIDEGATE_MEMROY", "64MiB")
	code, _, stderr := tidegate(t, "", "serve")
	require.Equal(t, exitRefused, code, "not a quick start")
	require.Contains(t, stderr, "the configuration in the environment is refused:")
	require.Contains(t, stderr, "did you mean TIDEGATE_MEMORY?")
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	t.Setenv("TIDEGATE_ADMIN_ADDRESS", l.Addr().String())
	code, _, stderr := tidegate(t, "", "serve", "--config", writeConfig(t, ""))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "tidegate: admin.address: listen tcp "+l.Addr().String()+": bind: address already in use")
}

func TestPasswd(t *testing.T) {
	for _, typed := range []string{"s3cr3t", "s3cr3t\n", "s3cr3t\r\n"} {
		code, out, stderr := tidegate(t, typed, "passwd")
		require.Equal(t, exitOK, code, stderr)
		hash := strings.TrimSuffix(out, "\n")
		require.True(t, strings.HasPrefix(hash, "$argon2id$"), hash)
		ok, err := auth.Verify(hash, "s3cr3t")
		require.NoError(t, err)
		require.True(t, ok)
	}
	for typed, want := range map[string]string{
		"":                                 "it is empty",
		"\n":                               "it is empty",
		"two\nlines\n":                     "expected one line",
		"a\x00b":                           "expected one line",
		strings.Repeat("x", 1+maxPassword): "longer than 4096 bytes",
	} {
		code, out, stderr := tidegate(t, typed, "passwd")
		require.Equal(t, exitFailed, code)
		require.Empty(t, out)
		require.Contains(t, stderr, want)
	}
}
