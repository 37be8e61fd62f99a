package config_test

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/config"
)

// documented is the file that must stay valid whatever is added.
const documented = `
listeners:
  - address: 127.0.0.1:2121
    tls: none            # none | explicit | required | implicit
    passive: { ports: 30000-30099, public_address: "" }
tls: { cert_file: cert.pem, key_file: key.pem }
memory: 256MiB
admin: { address: 127.0.0.1:8080 }
stores:
  - { name: lake, type: s3, bucket: drop, endpoint: "http://127.0.0.1:9000", region: us-east-1, path_style: true, access_key: minioadmin, secret_key: minioadmin }
  - { name: disk, type: local, path: ./data }
users:
  - name: bench
    password: bench      # plain, with a warning; password_hash is the real thing
    mounts:
      - { path: /, store: lake, prefix: "partners/{user}/", permissions: [all] }
anonymous: { enabled: false, store: disk, prefix: pub/, permissions: [list, read] }
`

// minimal is the least that is a configuration.
const minimal = `
listeners: [{ address: ":2121" }]
stores: [{ name: disk, type: local, path: data }]
users: [{ name: ann, password: pw, mounts: [{ path: /, store: disk, permissions: [all] }] }]
`

func write(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return file
}

func load(t *testing.T, yaml string, environ ...string) (*config.Config, error) {
	t.Helper()
	return config.Load(write(t, "tidegate.yaml", yaml), environ)
}

func TestDocumentedFile(t *testing.T) {
	c, err := load(t, documented)
	require.NoError(t, err)
	require.Equal(t, &config.Config{
		Listeners: []config.Listener{{
			Address: "127.0.0.1:2121",
			TLS:     config.TLSNone,
			Passive: config.Passive{Ports: config.PortRange{Min: 30000, Max: 30099}},
			Timeouts: config.Timeouts{
				Login: time.Minute, Idle: 5 * time.Minute, DataOpen: time.Minute,
				Handshake: 10 * time.Second, Stall: 5 * time.Minute, Reply: time.Minute,
			},
			Greeting: "Tidegate FTP gateway ready.",
		}},
		TLS:          config.TLS{CertFile: "cert.pem", KeyFile: "key.pem"},
		Memory:       256 << 20,
		Admin:        config.Admin{Address: "127.0.0.1:8080"},
		Limits:       config.Limits{Sessions: 20_000, SessionsPerAddress: 15_000},
		DrainTimeout: 5 * time.Minute,
		Log:          config.Log{Level: "info", Format: config.LogText},
		Stores: []config.Store{{
			Name: "lake", Type: config.StoreS3, Bucket: "drop", Endpoint: "http://127.0.0.1:9000",
			Region: "us-east-1", PathStyle: true, Checksum: config.ChecksumCRC64NVME, AccessKey: "minioadmin", SecretKey: "minioadmin",
		}, {
			Name: "disk", Type: config.StoreLocal, Path: "./data",
		}},
		Users: []config.User{{
			Name: "bench", Password: "bench",
			Mounts: []config.Mount{{Path: "/", Store: "lake", Prefix: "partners/{user}/", Permissions: []string{"all"}}},
		}},
		Anonymous: config.Anonymous{Store: "disk", Prefix: "pub/", Permissions: []string{"list", "read"}},
	}, c)
}

func TestFormatsSayTheSame(t *testing.T) {
	files := map[string]string{
		"a.yml": `
memory: 64MiB
listeners:
  - { address: "127.0.0.1:0", timeouts: { idle: 1h }, active: { source_port: 20 } }
stores:
  - { name: disk, type: local, path: data }
users:
  - name: ann
    password: 0123
    mounts: [{ path: /, store: disk, permissions: [list, read] }]
`,
		"a.toml": `
memory = "64MiB"
[[listeners]]
address = "127.0.0.1:0"
timeouts.idle = "1h"
active.source_port = 20
[[stores]]
name = "disk"
type = "local"
path = "data"
[[users]]
name = "ann"
password = "0123"
  [[users.mounts]]
  path = "/"
  store = "disk"
  permissions = ["list", "read"]
`,
		"a.JSON": `{
	"memory": "64MiB",
	"listeners": [{"address": "127.0.0.1:0", "timeouts": {"idle": "1h"}, "active": {"source_port": 20}}],
	"stores": [{"name": "disk", "type": "local", "path": "data"}],
	"users": [{
		"name": "ann", "password": "0123",
		"mounts": [{"path": "/", "store": "disk", "permissions": ["list", "read"]}]
	}],
	"anonymous": null
}`,
	}
	want, err := config.Load(write(t, "a.yaml", files["a.yml"]), nil)
	require.NoError(t, err)
	require.Equal(t, config.Secret("0123"), want.Users[0].Password, "a number that is a text stays as it is written")
	require.Equal(t, time.Hour, want.Listeners[0].Timeouts.Idle)
	require.Equal(t, 20, want.Listeners[0].Active.SourcePort)
	for name, text := range files {
		t.Run(name, func(t *testing.T) {
			got, err := config.Load(write(t, name, text), nil)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}

func TestYAMLScalarsAreTexts(t *testing.T) {
	for _, written := range []string{"0x1F", "1e3", "12345678901234567890", "2026-01-02", "yes", "true", "1_000"} {
		c, err := load(t, strings.Replace(minimal, "password: pw", "password: "+written, 1))
		require.NoError(t, err)
		require.Equal(t, config.Secret(written), c.Users[0].Password)
	}
}

func TestYAMLAnchors(t *testing.T) {
	c, err := load(t, `
listeners: [{ address: ":0" }]
stores: [{ name: disk, type: local, path: data }]
users:
  - &ann { name: ann, password: pw, mounts: &mounts [{ path: /, store: disk, permissions: [all] }] }
  - { name: bob, password: pw, mounts: *mounts }
  - { <<: *ann, name: eve }
`)
	require.NoError(t, err)
	require.Equal(t, "eve", c.Users[2].Name)
	require.Equal(t, c.Users[0].Mounts, c.Users[1].Mounts)
	require.Equal(t, c.Users[0].Mounts, c.Users[2].Mounts)
}

func TestUnreadableFiles(t *testing.T) {
	for name, test := range map[string]struct{ file, text, want string }{
		"syntax":                    {"a.yaml", "a: [", "did not find expected"},
		"yaml key twice":            {"a.yaml", "memory: 64MiB\nmemory: 65MiB\n", `"memory" already defined`},
		"yaml key twice, by case":   {"a.yaml", "memory: 64MiB\nMemory: 65MiB\n", "given twice"},
		"nested yaml key twice":     {"a.yaml", "users: [{ name: a, Name: b }]", "line 1: key"},
		"json key twice":            {"a.json", `{"memory": "64MiB", "memory": "65MiB"}`, `"memory" is given twice`},
		"nested json key twice":     {"a.json", `{"users": [{"name": "a", "name": "b"}]}`, `"name" is given twice`},
		"toml key twice":            {"a.toml", "memory = \"64MiB\"\nmemory = \"65MiB\"\n", "memory"},
		"toml key twice, by case":   {"a.toml", "[[users]]\nname = \"a\"\nName = \"b\"\n", "given twice"},
		"two yaml documents":        {"a.yaml", "memory: 64MiB\n---\nmemory: 65MiB\n", "one document"},
		"behind the json document":  {"a.json", `{} {}`, "one document"},
		"half a json document":      {"a.json", `{"memory": `, "at byte"},
		"alias inside itself":       {"a.yaml", "users: &a [*a]\n", "contains itself"},
		"no keys":                   {"a.yaml", "- a\n", "keys at the top level"},
		"a format that is not read": {"a.ini", "memory = 64MiB", "ends in .yaml, .yml, .toml or .json"},
		"no format":                 {"tidegate", "memory: 64MiB", "ends in .yaml, .yml, .toml or .json"},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, test.file, test.text)
			_, err := config.Load(file, nil)
			require.ErrorContains(t, err, test.want)
			require.ErrorContains(t, err, file)
		})
	}
	_, err := config.Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTooLongFile(t *testing.T) {
	_, err := load(t, minimal+strings.Repeat("# long\n", 3<<20))
	require.ErrorContains(t, err, "at most 16MiB")
}

func TestPublicAddress(t *testing.T) {
	c, err := load(t, minimal, "TIDEGATE_LISTENERS_0_PASSIVE_PUBLIC_ADDRESS=192.0.2.7")
	require.NoError(t, err)
	require.Equal(t, netip.MustParseAddr("192.0.2.7"), c.Listeners[0].Passive.PublicAddress)
}

func TestSecretsAreNotPrinted(t *testing.T) {
	c, err := load(t, documented)
	require.NoError(t, err)
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(form, c.Stores), "minioadmin")
		require.NotContains(t, fmt.Sprintf(form, c.Users[0].Password), "bench")
	}
}
