package gateway

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/memstore"
)

// anyKey is a store that holds whatever an element of a key can be, as the buckets of AWS do.
func anyKey(*testing.T) backends.Driver { return memstore.New(memstore.Options{AnyKey: true}) }

// keys lists all keys of a store, past the gateway.
func (f *fixture) keys(t *testing.T, store string) []string {
	t.Helper()
	var keys []string
	page, err := f.requests[store].ListPage(t.Context(), backends.ListOptions{Recursive: true})
	require.NoError(t, err)
	for _, info := range page.Entries {
		keys = append(keys, info.Key)
	}
	f.requests[store].Calls()
	return keys
}

// oddNames are names as listings show them, and the keys they stand for.
var oddNames = map[string]string{
	"a%0D%0Ab":    "a\r\nb",
	"tab%09":      "tab\t",
	"%7F":         "\x7f",
	"caf%E9":      "caf\xe9",
	"%2E":         ".",
	"%2E%2E":      "..",
	"%250A":       "%0A",
	"%252E%2E":    "%2E%2E",
	"100%.txt":    "100%.txt",
	"a%20b":       "a%20b",
	"%2Etidegate": "%2Etidegate",
	"ä":           "ä",
}

// TestServeOddNames does with each name what clients do: what a listing shows can be used.
func TestServeOddNames(t *testing.T) {
	f := newFixture(t, anyKey)
	c := dial(t, f.serve(User{Name: "bob", Password: "secret", Mounts: []Mount{
		{Path: "/", Store: "one", Prefix: "home", Permissions: MayAll},
	}}))
	c.login("bob", "secret")
	for name, key := range oddNames {
		f.put(t, "one", "home/"+key, "home/in/"+key+"/x")
		require.Equal(t, name+"\r\n", strings.ReplaceAll(c.fetch("NLST"), "in\r\n", ""))
		require.Contains(t, c.fetch("LIST"), " "+name+"\r\n")
		require.Contains(t, c.fetch("MLSD"), "; "+name+"\r\n")
		require.Equal(t, "in/"+name+"/x\r\n", c.fetch("NLST in/"+name), "a folder")
		require.Contains(t, c.fetch("MLSD in"), "type=dir;")
		require.Contains(t, c.fetch("MLSD in"), "; "+name+"\r\n")
		c.do("CWD in/"+name, "250")
		require.Equal(t, "data of home/in/"+key+"/x", c.fetch("RETR x"))
		c.do("DELE x", "250")
		c.do("CWD /", "250")

		require.Equal(t, "data of home/"+key, c.fetch("RETR "+name))
		c.do("MLST "+name, "250")
		c.store("STOR "+name, "new")
		c.store("APPE "+name, "er")
		c.do("SIZE "+name, "213 5")
		require.Equal(t, "newer", f.get(t, "one", "home/"+key))
		c.do("RNFR "+name, "350")
		c.do("RNTO plain", "250")
		c.do("RNFR plain", "350")
		c.do("RNTO "+name, "250")
		require.Equal(t, []string{"home/" + key}, f.keys(t, "one"))
		c.do("DELE "+name, "250")

		c.do("MKD "+name, "257")
		require.Equal(t, []string{"home/" + key + "/"}, f.keys(t, "one"))
		c.do("RNFR "+name, "350")
		c.do("RNTO folder", "250")
		c.do("RNFR folder", "350")
		c.do("RNTO "+name, "250")
		c.do("RMD "+name, "250")
		require.Empty(t, f.keys(t, "one"))
	}
}

// TestServeEmptyElements: a folder without a name is one, and not the folder that it is in.
func TestServeEmptyElements(t *testing.T) {
	for _, prefix := range []string{"", "home/"} {
		f := newFixture(t, anyKey)
		f.put(t, "one", prefix+"a//b", prefix+"a///c", prefix+"/top", prefix+"a/d")
		c := dial(t, f.serve(User{Name: "bob", Password: "secret", Mounts: []Mount{
			{Path: "/", Store: "one", Prefix: prefix, Permissions: MayAll},
		}}))
		c.login("bob", "secret")
		require.Equal(t, "%2F\r\na\r\n", c.fetch("NLST"))
		require.Equal(t, "a/%2F\r\na/d\r\n", c.fetch("NLST a"))
		require.Equal(t, "a/%2F/%2F\r\na/%2F/b\r\n", c.fetch("NLST a/%2F"))
		require.Equal(t, "data of "+prefix+"a///c", c.fetch("RETR a/%2F/%2F/c"))
		require.Equal(t, "data of "+prefix+"/top", c.fetch("RETR %2F/top"))
		c.do("SIZE a/%2F", "550")
		c.do("RMD a/%2F", "550")
		c.do("EPSV", "229")
		c.do("STOR a/%2F", "553") // the key would be that of a marker
		c.do("DELE a/%2F/%2F/c", "250")
		c.do("RMD a/%2F/%2F", "250")
		c.do("MKD a/%2F/new", "257")
		c.do("RMD a/%2F/new", "250")
		c.do("RNFR a/%2F", "350")
		c.do("RNTO e", "250")
		require.ElementsMatch(t, []string{prefix + "/top", prefix + "a/d", prefix + "e/b"}, f.keys(t, "one"))
	}
}

// TestServeAttacksByName: however it is spelt, nothing outside the mount and nothing of the state is reached.
func TestServeAttacksByName(t *testing.T) {
	drivers := map[string]func(t *testing.T) backends.Driver{"any key": anyKey, "memory": kinds["memory"], "local": kinds["local"]}
	for kind, driver := range drivers {
		t.Run(kind, func(t *testing.T) {
			f := newFixture(t, driver)
			secrets := []string{"partners/eve/secret", "secret"}
			f.put(t, "one", append(secrets, "partners/bob/mine")...)
			root := User{Name: "root", Password: "secret", Mounts: []Mount{{Path: "/", Store: "one", Permissions: MayAll}}}
			address := f.serve(bob(), root)

			c := dial(t, address)
			c.login("bob", "secret")
			for _, up := range []string{
				"..", "%2E%2E", "%2E.", ".%2E", "%2e%2e", "%252E%2E", "%252E%252E", "..%00", "%2E%2E%2F", "%2F..",
				"x/../..", "%2F/..", "mine/%2E%2E/..", "%C0%AE%C0%AE",
			} {
				for _, target := range []string{up + "/eve/secret", up + "/" + up + "/secret", "/" + up + "/eve/secret", "%2F/" + up + "/eve/secret"} {
					c.do("SIZE "+target, "550")
					c.do("RNFR "+target, "550")
					c.do("DELE "+target, "55")
					c.do("EPSV", "229")
					c.do("RETR "+target, "550")
					require.NoError(t, c.Send([]byte("MKD "+target+"-made\r\n")))
					_, err := c.ReadReply() // a folder of that name below the mount, or none
					require.NoError(t, err)
				}
			}
			for _, key := range f.keys(t, "one") {
				if !strings.HasPrefix(key, "partners/bob/") {
					require.Contains(t, append(secrets, "partners/", "partners/eve/"), key)
				}
			}
			for _, key := range secrets {
				require.Equal(t, "data of "+key, f.get(t, "one", key))
			}

			c = dial(t, address)
			c.login("root", "secret")
			for _, state := range []string{".tidegate", "/.tidegate", "x/../.tidegate", "./.tidegate", "%2E/../.tidegate", ".tidegate/"} {
				c.do("MKD "+state, "553")
				c.do("MKD "+state+"/x", "553")
				c.do("CWD "+state, "550")
				c.do("EPSV", "229")
				c.do("STOR "+strings.TrimSuffix(state, "/")+"/x", "553")
			}
			for _, literal := range []string{"%2Etidegate", "%2E/.tidegate", "%2F/.tidegate", "%2E%2E/.tidegate", "x/%2E%2E/.tidegate"} {
				require.NoError(t, c.Send([]byte("MKD "+literal+"/x\r\n")))
				_, err := c.ReadReply()
				require.NoError(t, err)
			}
			for _, key := range f.keys(t, "one") {
				require.False(t, strings.HasPrefix(key, backends.StatePrefix), key)
			}
		})
	}
}

// TestServeTwoSpellings: a name that listings do not show leads where its key is shown, also where
// a mount hides what the store holds.
func TestServeTwoSpellings(t *testing.T) {
	f := newFixture(t, kinds["memory"])
	f.put(t, "one", "ä/hidden")
	f.put(t, "two", "shown")
	c := dial(t, f.serve(User{Name: "bob", Password: "secret", Mounts: []Mount{
		{Path: "/", Store: "one", Permissions: MayAll},
		{Path: "/ä", Store: "two", Permissions: MayList},
	}}))
	c.login("bob", "secret")
	for _, name := range []string{"ä", "%C3%A4"} {
		require.Equal(t, name+"/shown\r\n", c.fetch("NLST "+name))
		c.do("SIZE "+name+"/hidden", "550")
		c.do("DELE "+name+"/hidden", "550 Permission denied.")
		c.do("RMD "+name, "550 Permission denied.")
	}
}

// TestServeNamesTheStoreRefuses: 553 before a byte is taken, 550 where nothing of that name can be.
func TestServeNamesTheStoreRefuses(t *testing.T) {
	onEachKind(t, func(f *fixture) {
		f.put(f.t, "one", "partners/bob/file", "partners/bob/folder/x")
		c := dial(f.t, f.serve(bob()))
		c.login("bob", "secret")
		for _, name := range []string{"%00", "a%FFb", "%2E%2E/x", "%2F/x", "%2E", strings.Repeat(strings.Repeat("long", 75)+"/", 4)} {
			for _, command := range []string{"STOR ", "APPE "} {
				c.do("EPSV", "229")
				c.do(command+strings.TrimSuffix(name, "/"), "553")
			}
			c.do("MKD "+name, "553")
			for _, from := range []string{"file", "folder"} {
				c.do("RNFR "+from, "350")
				c.do("RNTO "+name, "553")
			}
			c.do("SIZE "+strings.TrimSuffix(name, "/"), "550")
			c.do("CWD "+name, "550")
			c.do("RNFR "+name, "550")
			c.do("EPSV", "229")
			c.do("RETR "+strings.TrimSuffix(name, "/"), "550")
		}
		require.Equal(f.t, "box\r\nfile\r\nfolder\r\nshelf\r\n", c.fetch("NLST"))
	})
}
