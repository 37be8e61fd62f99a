package config_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/config"
)

// TestEnvironmentAlone gives every kind of key by its variable: sections, lists in lists, words,
// secrets.
func TestEnvironmentAlone(t *testing.T) {
	got, err := config.Load("", []string{
		"PATH=/bin", "TIDEGATE_CONFIG=elsewhere.yaml", "TIDEGATE_TEST_SEED=1",
		"TIDEGATE_LISTENERS_0_ADDRESS=127.0.0.1:2121",
		"TIDEGATE_LISTENERS_0_TLS=none",
		"TIDEGATE_LISTENERS_0_PASSIVE_PORTS=30000-30099",
		"TIDEGATE_TLS_CERT_FILE=cert.pem", "TIDEGATE_TLS_KEY_FILE=key.pem",
		"TIDEGATE_MEMORY=256MiB",
		"TIDEGATE_ADMIN_ADDRESS=127.0.0.1:8080",
		"TIDEGATE_STORES_0_NAME=lake", "TIDEGATE_STORES_0_TYPE=s3", "TIDEGATE_STORES_0_BUCKET=drop",
		"TIDEGATE_STORES_0_ENDPOINT=http://127.0.0.1:9000", "TIDEGATE_STORES_0_REGION=us-east-1",
		"TIDEGATE_STORES_0_PATH_STYLE=true",
		"TIDEGATE_STORES_0_ACCESS_KEY=minioadmin", "TIDEGATE_STORES_0_SECRET_KEY=minioadmin",
		"TIDEGATE_STORES_1_NAME=disk", "TIDEGATE_STORES_1_TYPE=local", "TIDEGATE_STORES_1_PATH=./data",
		"TIDEGATE_USERS_0_NAME=bench", "TIDEGATE_USERS_0_PASSWORD=bench",
		"TIDEGATE_USERS_0_MOUNTS_0_PATH=/", "TIDEGATE_USERS_0_MOUNTS_0_STORE=lake",
		"TIDEGATE_USERS_0_MOUNTS_0_PREFIX=partners/{user}/",
		"TIDEGATE_USERS_0_MOUNTS_0_PERMISSIONS=all",
		"TIDEGATE_ANONYMOUS_ENABLED=false", "TIDEGATE_ANONYMOUS_STORE=disk",
		"TIDEGATE_ANONYMOUS_PREFIX=pub/", "TIDEGATE_ANONYMOUS_PERMISSIONS=list, read",
	})
	require.NoError(t, err)
	want, err := load(t, documented)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEnvironmentOverridesTheFile(t *testing.T) {
	c, err := load(t, documented,
		"TIDEGATE_MEMORY=32MiB",
		"TIDEGATE_LISTENERS_0_TLS=explicit",
		"TIDEGATE_LISTENERS_1_ADDRESS=:990", "TIDEGATE_LISTENERS_1_TLS=implicit",
		"TIDEGATE_STORES_1_PATH=/srv/data",
		"TIDEGATE_USERS_0_MOUNTS_0_PERMISSIONS=list,read",
		"TIDEGATE_USERS_0_MOUNTS_1_PATH=/in", "TIDEGATE_USERS_0_MOUNTS_1_STORE=disk",
		"TIDEGATE_USERS_0_MOUNTS_1_PERMISSIONS=write",
		"TIDEGATE_ADMIN_ADDRESS=", // empty: as if it were not there
	)
	require.NoError(t, err)
	require.Equal(t, config.Size(32<<20), c.Memory)
	require.Equal(t, config.TLSExplicit, c.Listeners[0].TLS)
	require.Equal(t, config.Address("127.0.0.1:2121"), c.Listeners[0].Address, "the other keys of the element stay")
	require.Equal(t, config.TLSImplicit, c.Listeners[1].TLS, "the next number appends")
	require.Equal(t, config.PortRange{}, c.Listeners[1].Passive.Ports)
	require.Equal(t, "/srv/data", c.Stores[1].Path)
	require.Equal(t, []string{"list", "read"}, c.Users[0].Mounts[0].Permissions, "a list of words is replaced as a whole")
	require.Equal(t, "/in", c.Users[0].Mounts[1].Path)
	require.Equal(t, config.Address("127.0.0.1:8080"), c.Admin.Address)
}

// TestEnvironmentReplacesWords would merge the lists if the words were keys of their own: a user
// would keep permissions that the environment took away.
func TestEnvironmentReplacesWords(t *testing.T) {
	c, err := load(t, documented, "TIDEGATE_ANONYMOUS_PERMISSIONS=list")
	require.NoError(t, err)
	require.Equal(t, []string{"list"}, c.Anonymous.Permissions)
}

func TestWrongEnvironment(t *testing.T) {
	for variable, want := range map[string]string{
		"TIDEGATE_MEMORY=lots":             `memory (TIDEGATE_MEMORY): got "lots", expected a size such as 256MiB`,
		"TIDEGATE_MEMROY=64MiB":            "TIDEGATE_MEMROY: no such setting, did you mean TIDEGATE_MEMORY?",
		"TIDEGATE_STORES_12_ACESS_KEY=k":   "TIDEGATE_STORES_12_ACESS_KEY: no such setting, did you mean TIDEGATE_STORES_12_ACCESS_KEY?",
		"TIDEGATE_USERS_3_MOUNTS_2_PTH=/":  "TIDEGATE_USERS_3_MOUNTS_2_PTH: no such setting, did you mean TIDEGATE_USERS_3_MOUNTS_2_PATH?",
		"TIDEGATE_UTTERLY_UNKNOWN_THING=1": "TIDEGATE_UTTERLY_UNKNOWN_THING: no such setting",
		"TIDEGATE_LISTENERS=:21":           "TIDEGATE_LISTENERS: no such setting",
		"TIDEGATE_LISTENERS_X_TLS=none":    "TIDEGATE_LISTENERS_X_TLS: no such setting",
		"TIDEGATE_LISTENERS_00_TLS=none":   "TIDEGATE_LISTENERS_00_TLS: no such setting",
		"TIDEGATE_LISTENERS_2_TLS=none":    "listeners[1]: missing, the numbers of list elements run from 0 without a gap",
		"TIDEGATE_memory=64MiB":            "TIDEGATE_memory: no such setting",
	} {
		t.Run(variable, func(t *testing.T) {
			_, err := load(t, documented, variable)
			var wrong *config.Error
			require.ErrorAs(t, err, &wrong)
			require.Contains(t, wrong.Problems[0].String(), want)
		})
	}
}

// TestKubernetesVariables: every pod has these for every service of its namespace.
func TestKubernetesVariables(t *testing.T) {
	_, err := load(t, minimal,
		"TIDEGATE_SERVICE_HOST=10.0.0.1", "TIDEGATE_SERVICE_PORT=21", "TIDEGATE_SERVICE_PORT_FTP=21",
		"TIDEGATE_PORT=tcp://10.0.0.1:21", "TIDEGATE_PORT_21_TCP=tcp://10.0.0.1:21",
		"TIDEGATE_PORT_21_TCP_PROTO=tcp", "TIDEGATE_PORT_21_TCP_PORT=21", "TIDEGATE_PORT_21_TCP_ADDR=10.0.0.1",
		"TIDEGATE_ADMIN_SERVICE_HOST=10.0.0.1", "TIDEGATE_ADMIN_PORT=tcp://10.0.0.1:80",
		"TIDEGATE_ADMIN_PORT_80_TCP_ADDR=10.0.0.1")
	require.NoError(t, err)
}

func TestInEnvironment(t *testing.T) {
	require.False(t, config.InEnvironment([]string{"HOME=/", "TIDEGATE_CONFIG=x", "TIDEGATE_PORT=tcp://10.0.0.1:21"}))
	require.True(t, config.InEnvironment([]string{"TIDEGATE_MEMORY=64MiB"}))
	require.True(t, config.InEnvironment([]string{"TIDEGATE_MEMROY=64MiB"}), "a misspelt one is meant to be one")
}

func TestEveryProblemNamesItsSource(t *testing.T) {
	_, err := load(t, documented, "TIDEGATE_USERS_0_MOUNTS_0_STORE=lakee", "TIDEGATE_LISTENERS_0_TLS=on")
	require.EqualError(t, err, `listeners[0].tls (TIDEGATE_LISTENERS_0_TLS): got "on", expected one of none, explicit, required, implicit
users[0].mounts[0].store (TIDEGATE_USERS_0_MOUNTS_0_STORE): got "lakee", which is no store, expected one of lake, disk`)
}
