package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/config"
)

// TestWrongValues replaces one thing in a right file and expects exactly that to be refused.
func TestWrongValues(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{`listeners:`, `listenres:`, `listenres: no such key, did you mean listeners?
listeners: missing, expected at least one`},
		{`memory: 256MiB`, `memori: 256MiB`, `memori: no such key, did you mean memory?`},
		{`memory: 256MiB`, `memory: 256MiB
metrics: { address: ":9" }`, `metrics: no such key, expected one of listeners, tls, memory, admin, limits, drain_timeout, log, stores, users, anonymous`},
		{`address: 127.0.0.1:2121`, `address: 127.0.0.1`, `listeners[0].address: got "127.0.0.1", expected a host and a port such as 127.0.0.1:2121`},
		{`address: 127.0.0.1:2121`, `address: 127.0.0.1:70000`, `listeners[0].address: got "127.0.0.1:70000", expected a host and a port such as 127.0.0.1:2121`},
		{`- address: 127.0.0.1:2121
    tls`, `- tls`, `listeners[0].address: missing, expected a host and a port such as 127.0.0.1:2121`},
		{`tls: none`, `tls: None`, `listeners[0].tls: got "None", expected one of none, explicit, required, implicit`},
		{`tls: none`, `tls: { mode: none }`, `listeners[0].tls: got keys, expected a single value`},
		{`tls: none`, `tsl: none`, `listeners[0].tsl: no such key, did you mean tls?`},
		{`30000-30099`, `30099-30000`, `listeners[0].passive.ports: got "30099-30000", expected ports from 1 to 65535 such as 30000-30099`},
		{`30000-30099`, `0-65535`, `listeners[0].passive.ports: got "0-65535", expected ports from 1 to 65535 such as 30000-30099`},
		{`30000-30099`, `[30000, 30099]`, `listeners[0].passive.ports: got a list, expected a single value`},
		{`public_address: ""`, `public_address: ftp.example.com`, `listeners[0].passive.public_address: got "ftp.example.com", expected an IPv4 address`},
		{`public_address: ""`, `public_address: "2001:db8::1"`, `listeners[0].passive.public_address: got "2001:db8::1", expected an IPv4 address`},
		{`passive: { ports: 30000-30099, public_address: "" }`, `passive: true`, `listeners[0].passive: got a single value, expected the keys ports, public_address`},
		{`passive: { ports: 30000-30099, public_address: "" }`, `passive: [30000]`, `listeners[0].passive: got a list, expected the keys ports, public_address`},
		{`passive:`, `active: { source_port: -1 }
    passive:`, `listeners[0].active.source_port: got "-1", expected 0 to 65535`},
		{`passive:`, `active: { source_port: ftp-data }
    passive:`, `listeners[0].active.source_port: got "ftp-data", expected a whole number`},
		{`passive:`, `timeouts: { idle: 300 }
    passive:`, `listeners[0].timeouts.idle: got "300", expected a duration such as 90s, 5m or 1h`},
		{`passive:`, `timeouts: { idle: 0s }
    passive:`, `listeners[0].timeouts.idle: got "0s", expected 1s to 24h`},
		{`passive:`, `greeting: "hello\r\n230 you are in"
    passive:`, `listeners[0].greeting: got "hello\r\n230 you are in", expected one line without control characters`},
		{`tls: none`, `tls: required`, ``},
		{`cert_file: cert.pem, key_file: key.pem`, `cert_file: cert.pem, ciphers: all`, `tls.ciphers: no such key, expected one of cert_file, key_file`},
		{`256MiB`, `1MiB`, `memory: got "1MiB", expected 32MiB to 1TiB`},
		{`256MiB`, `lots`, `memory: got "lots", expected a size such as 256MiB`},
		{`256MiB`, `-256MiB`, `memory: got "-256MiB", expected a size such as 256MiB`},
		{`127.0.0.1:8080`, `127.0.0.1:2121`, `admin.address: got "127.0.0.1:2121", which listeners[0].address listens at already`},
		{`memory:`, `log: { level: loud, format: xml }
memory:`, `log.level: got "loud", expected one of debug, info, warn, error
log.format: got "xml", expected one of text, json`},
		{`memory:`, `limits: { sessions: 0 }
memory:`, `limits.sessions: got "0", expected 1 to 1000000`},
		{`type: s3`, `type: s4`, `stores[0].type: got "s4", expected one of s3, gcs, azure, local`},
		{`name: disk, type: local`, `name: lake, type: local`, `stores[1].name: got "lake", which is the name of another store
anonymous.store: got "disk", which is no store, expected one of lake`},
		{`bucket: drop, `, ``, `stores[0].bucket: missing, expected the name of a bucket`},
		{`bucket: drop`, `bucket: drop/in`, `stores[0].bucket: got "drop/in", expected the plain name of a bucket: 2 to 255 letters, digits, dots, - and _`},
		{`http://127.0.0.1:9000`, `127.0.0.1:9000`, `stores[0].endpoint: expected a URL such as https://s3.example.com:9000`},
		{`http://127.0.0.1:9000`, `ftp://127.0.0.1:9000`, `stores[0].endpoint: expected a URL such as https://s3.example.com:9000`},
		{`http://127.0.0.1:9000`, `http://me:hunter2@127.0.0.1:9000`, `stores[0].endpoint: expected a URL such as https://s3.example.com:9000`},
		{`path_style: true`, `path_style: 1`, `stores[0].path_style: got "1", expected true or false`},
		{`, secret_key: minioadmin`, ``, `stores[0].secret_key: missing, expected as access_key is given`},
		{`access_key: minioadmin, `, ``, `stores[0].access_key: missing, expected as secret_key is given`},
		{`access_key: minioadmin, secret_key: minioadmin`, `session_token: t`, `stores[0].access_key: missing, expected as session_token is given`},
		{`region: us-east-1`, `path: /data`, `stores[0].path: expected only in a store of type local`},
		{`path: ./data`, `path: ./data, path_style: false`, `stores[1].path_style: expected only in a store of type s3`},
		{`path: ./data`, `path: ./data, secret_key_file: /nowhere`, `stores[1].secret_key_file: expected only in a store of type s3`},
		{`, path: ./data`, ``, `stores[1].path: missing, expected a directory`},
		{`- name: bench`, `- nam: bench`, `users[0].nam: no such key, did you mean name?
users[0].name: missing, expected a value`},
		{`name: bench`, `name: a/b`, `users[0].name: got "a/b", expected a name without /, without control characters, and not . or ..`},
		{`name: bench`, `name: ..`, `users[0].name: got "..", expected a name without /, without control characters, and not . or ..`},
		{`password: bench `, `pasword: bench `, `users[0].pasword: no such key, did you mean password?
users[0].password_hash: missing, expected what "tidegate passwd" prints`},
		{`path: /, store`, `path: in, store`, `users[0].mounts[0].path: got "in", expected an absolute path such as / or /in`},
		{`path: /, store`, `path: /in/, store`, `users[0].mounts[0].path: got "/in/", expected an absolute path such as / or /in`},
		{`path: /, store`, `path: /../in, store`, `users[0].mounts[0].path: got "/../in", expected an absolute path such as / or /in`},
		{`store: lake`, `store: lakee`, `users[0].mounts[0].store: got "lakee", which is no store, expected one of lake, disk`},
		{`store: lake`, `stor: lake`, `users[0].mounts[0].stor: no such key, did you mean store?
users[0].mounts[0].store: missing, expected a value`},
		{`partners/{user}/`, `partners/{usr}/`, `users[0].mounts[0].prefix: got "partners/{usr}/", expected a folder such as partners/{user}/, inside the store and outside .tidegate/`},
		{`partners/{user}/`, `/partners/`, `users[0].mounts[0].prefix: got "/partners/", expected a folder such as partners/{user}/, inside the store and outside .tidegate/`},
		{`partners/{user}/`, `../partners/`, `users[0].mounts[0].prefix: got "../partners/", expected a folder such as partners/{user}/, inside the store and outside .tidegate/`},
		{`partners/{user}/`, `.tidegate/x`, `users[0].mounts[0].prefix: got ".tidegate/x", expected a folder such as partners/{user}/, inside the store and outside .tidegate/`},
		{`[all]`, `[al]`, `users[0].mounts[0].permissions[0]: got "al", expected one of list, read, write, overwrite, append, delete, rename, mkdir, rmdir, all`},
		{`[all]`, `[]`, `users[0].mounts[0].permissions: missing, expected one of list, read, write, overwrite, append, delete, rename, mkdir, rmdir, all`},
		{`permissions: [all] }`, `permissions: [all] }
      - { path: /, store: disk, permissions: [all] }`, `users[0].mounts[1].path: got "/", where another mount of the user is`},
		{`anonymous:`, `  - { name: bench, password: x, mounts: [{ path: /, store: disk, permissions: [all] }] }
anonymous:`, `users[1].name: got "bench", which is the name of another user`},
		{`anonymous:`, `  - ~
anonymous:`, `users[1]: got a single value, expected the keys name, password, password_file, password_hash, password_hash_file, mounts`},
		{`anonymous: { enabled: false, store: disk`, `anonymous: { enabled: true`, `anonymous.store: missing, expected the name of a store as anonymous.enabled is true`},
		{`false, store: disk, prefix: pub/, permissions: [list, read]`, `true, store: disk`, `anonymous.permissions: missing, expected at least one as anonymous.enabled is true`},
		{`enabled: false`, `enabled: no`, `anonymous.enabled: got "no", expected true or false`},
	} {
		t.Run(test.new, func(t *testing.T) {
			require.Contains(t, documented, test.old)
			_, err := load(t, strings.Replace(documented, test.old, test.new, 1))
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, test.want)
		})
	}
}

// TestAllAtOnce: a person mends a file in one go.
func TestAllAtOnce(t *testing.T) {
	_, err := config.Load(filepath.Join("testdata", "wrong.yaml"), nil)
	want, readErr := os.ReadFile(filepath.Join("testdata", "wrong.txt"))
	require.NoError(t, readErr)
	require.EqualError(t, err, strings.TrimSuffix(string(want), "\n"))
}

func TestTLSNeedsACertificate(t *testing.T) {
	_, err := load(t, minimal, "TIDEGATE_LISTENERS_0_TLS=implicit")
	require.EqualError(t, err, `tls.cert_file: missing, expected the name of a file as a listener uses TLS
tls.key_file: missing, expected the name of a file as a listener uses TLS`)
}

func TestAnonymousUserNamesAreReserved(t *testing.T) {
	named := strings.Replace(documented, "name: bench", "name: FTP", 1)
	_, err := load(t, named)
	require.NoError(t, err)
	_, err = load(t, named, "TIDEGATE_ANONYMOUS_ENABLED=true")
	require.EqualError(t, err, `users[0].name: got "FTP", which is the anonymous user's while anonymous.enabled is true`)
}

func TestSecretFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		return name
	}
	replace := func(key, name string) string {
		return strings.Replace(documented, key+": minioadmin", key+"_file: "+name, 1)
	}

	c, err := load(t, replace("secret_key", file("secret", " s3cr3t \r\n")),
		"TIDEGATE_USERS_0_PASSWORD=", "TIDEGATE_STORES_0_SESSION_TOKEN_FILE="+file("token", "token\n"))
	require.NoError(t, err)
	require.Equal(t, config.Secret(" s3cr3t "), c.Stores[0].SecretKey, "only the line end goes")
	require.Equal(t, config.Secret("token"), c.Stores[0].SessionToken)

	c, err = load(t, strings.Replace(documented, "secret_key: minioadmin", `secret_key: ""`, 1),
		"TIDEGATE_STORES_0_SECRET_KEY_FILE="+file("other", "other"))
	require.NoError(t, err)
	require.Equal(t, config.Secret("other"), c.Stores[0].SecretKey, "an empty value counts as none")

	for name, test := range map[string]struct {
		yaml, variable, want string
	}{
		"both": {documented, "TIDEGATE_STORES_0_SECRET_KEY_FILE=" + file("k", "k"),
			"stores[0].secret_key: given together with secret_key_file, expected one of them"},
		"none": {replace("access_key", "/nowhere"), "",
			"stores[0].access_key_file: open /nowhere: no such file or directory"},
		"empty": {replace("secret_key", file("empty", "\n")), "",
			"stores[0].secret_key_file: " + filepath.Join(dir, "empty") + ": expected a secret, the file is empty"},
		"too long": {replace("secret_key", file("long", strings.Repeat("x", 64<<10+1))), "",
			"stores[0].secret_key_file: " + filepath.Join(dir, "long") + ": expected at most 64KiB"},
		"a list": {replace("secret_key", "[a]"), "",
			"stores[0].secret_key_file: got a list, expected the name of a file"},
		"password and hash": {documented, "TIDEGATE_USERS_0_PASSWORD_HASH_FILE=" + file("hash", "$argon2id$"),
			"users[0].password: given together with password_hash, expected one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.yaml, test.variable)
			require.EqualError(t, err, test.want)
		})
	}
}

func TestWarnings(t *testing.T) {
	hashed := strings.Replace(documented, "password: bench", "password_hash: $argon2id$", 1)
	for name, test := range map[string]struct {
		yaml, variable string
		want           []string
	}{
		"documented":      {documented, "", []string{"users[0].password"}},
		"hash":            {hashed, "", nil},
		"every address":   {hashed, "TIDEGATE_LISTENERS_0_ADDRESS=:2121", []string{"listeners[0].tls"}},
		"localhost":       {hashed, "TIDEGATE_LISTENERS_0_ADDRESS=localhost:2121", nil},
		"anonymous":       {hashed, "TIDEGATE_ANONYMOUS_ENABLED=true", nil},
		"anonymous write": {strings.Replace(hashed, "[list, read]", "[list, write]", 1), "TIDEGATE_ANONYMOUS_ENABLED=true", []string{"anonymous.permissions"}},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := load(t, test.yaml, test.variable)
			require.NoError(t, err)
			var fields []string
			for _, w := range c.Warnings() {
				fields = append(fields, w.Field)
			}
			require.Equal(t, test.want, fields)
		})
	}
}

func TestChecksAreAskedToo(t *testing.T) {
	file := write(t, "tidegate.yaml", strings.Replace(documented, "tls: none", "tls: on", 1))
	_, err := config.Load(file, nil, func(c *config.Config, refuse func(string, error)) {
		refuse("listeners[0].tls", errors.New("not told, as it is known to be wrong"))
		refuse("users[0].password", errors.New("guessed at once: "+c.Users[0].Name))
	})
	require.EqualError(t, err, `listeners[0].tls: got "on", expected one of none, explicit, required, implicit
users[0].password: guessed at once: bench`)
}
