package azstore

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	const secret = "c2VjcmV0"
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for _, c := range []struct {
		opts     Options
		endpoint string // "" for an error
		says     string
	}{
		{Options{Container: "box", Account: "acct"}, "https://acct.blob.core.windows.net", ""},
		{Options{Container: "$root", Account: "acct", AccountKey: secret}, "https://acct.blob.core.windows.net", ""},
		{Options{Container: "box", Endpoint: "https://acct.blob.core.chinacloudapi.cn/", AccountKey: secret}, "https://acct.blob.core.chinacloudapi.cn", ""},
		{Options{Container: "box", Account: "acct", Endpoint: "http://127.0.0.1:10000/acct", SASToken: "?sv=1&sig=" + secret}, "http://127.0.0.1:10000/acct", ""},
		{Options{Container: "box", ConnectionString: "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=" + secret + "==;EndpointSuffix=core.usgovcloudapi.net"}, "", "account_key: expected a key in base64"},
		{Options{Container: "box", ConnectionString: "DefaultEndpointsProtocol=https;AccountName=acct;AccountKey=" + secret + ";EndpointSuffix=core.usgovcloudapi.net;"}, "https://acct.blob.core.usgovcloudapi.net", ""},
		{Options{Container: "box", Account: "acct", ClientID: "id", TenantID: "t", Tier: "Cold", EncryptionScope: "tenant-1"}, "https://acct.blob.core.windows.net", ""},
		{Options{Container: "box", Account: "acct", CustomerKey: key}, "https://acct.blob.core.windows.net", ""},

		{Options{Account: "acct"}, "", "container: expected"},
		{Options{Container: "Box_1", Account: "acct"}, "", `not "Box_1"`},
		{Options{Container: "box"}, "", "account: expected"},
		{Options{Container: "box", Account: "Not An Account"}, "", "account: expected"},
		{Options{Container: "box", Account: "acct", Endpoint: "acct.blob.core.windows.net"}, "", "endpoint: expected"},
		{Options{Container: "box", Account: "acct", Endpoint: "https://user:" + secret + "@host"}, "", "endpoint: expected"},
		{Options{Container: "box", Account: "acct", AccountKey: secret, SASToken: "sig=" + secret}, "", "one of them at the most"},
		{Options{Container: "box", Account: "acct", AccountKey: secret, ClientID: "id"}, "", "client_id and tenant_id: expected none"},
		{Options{Container: "box", Account: "acct", AccountKey: "%" + secret}, "", "account_key: expected a key in base64"},
		{Options{Container: "box", Endpoint: "http://127.0.0.1:1", AccountKey: secret}, "", "account: expected the name of the storage account"},
		{Options{Container: "box", Account: "acct", SASToken: secret}, "", "sas_token: expected"},
		{Options{Container: "box", Account: "acct", ConnectionString: "AccountName=acct;AccountKey=" + secret}, "", "account and endpoint: expected none"},
		{Options{Container: "box", ConnectionString: secret}, "", "connection_string: expected"},
		{Options{Container: "box", ConnectionString: "AccountName=acct;Password=" + secret}, "", "connection_string: expected either"},
		{Options{Container: "box", ConnectionString: "AccountKey=" + secret}, "", "connection_string: expected an AccountName"},
		{Options{Container: "box", ConnectionString: "UseDevelopmentStorage=true"}, "", "for an emulator, say account, endpoint and account_key"},
		{Options{Container: "box", Account: "acct", Tier: "Lukewarm"}, "", "tier: expected"},
		{Options{Container: "box", Account: "acct", EncryptionScope: "a b"}, "", "encryption_scope: expected"},
		{Options{Container: "box", Account: "acct", CustomerKey: secret}, "", "customer_key: expected 32 bytes"},
		{Options{Container: "box", Account: "acct", CustomerKey: key, EncryptionScope: "abc"}, "", "one of them at the most"},
		{Options{Container: "box", Account: "acct", Endpoint: "http://host", CustomerKey: key}, "", "https"},
	} {
		got, err := c.opts.resolve()
		if c.endpoint != "" {
			require.NoError(t, err, "%+v", c.opts)
			require.Equal(t, c.endpoint, got.Endpoint)
			require.False(t, strings.HasPrefix(got.SASToken, "?"))
			continue
		}
		require.ErrorContains(t, err, c.says, "%+v", c.opts)
		require.NotContains(t, err.Error(), secret)
	}
}

// TestNewMakesNoRequest names a host that there is not.
func TestNewMakesNoRequest(t *testing.T) {
	for _, opts := range []Options{
		{Container: "box", Account: "acct", Endpoint: "https://nowhere.invalid"},
		{Container: "box", Account: "acct", Endpoint: "https://nowhere.invalid", ClientID: "00000000-0000-0000-0000-000000000000"},
	} {
		d, err := New(opts)
		require.NoError(t, err)
		require.NoError(t, d.Close())
	}
}

func TestCheckKey(t *testing.T) {
	flat, hierarchical := &Driver{}, &Driver{opts: Options{Hierarchical: true}}
	for _, key := range []string{"a", "a/b", "a/", ".a", "a.b/c", strings.Repeat("a/", 253) + "a", strings.Repeat("a", 1024)} {
		require.NoError(t, flat.CheckKey(key), "%q", key)
	}
	for _, key := range []string{"", "a.", "a./b", `a\b`, "a\nb", "a\x7f", "a\u0085", "a\uffff", "a//b", strings.Repeat("a/", 254) + "a", strings.Repeat("a", 1025)} {
		require.Error(t, flat.CheckKey(key), "%q", key)
	}
	require.NoError(t, hierarchical.CheckKey(strings.Repeat("a/", 62)+"a"))
	require.Error(t, hierarchical.CheckKey(strings.Repeat("a/", 63)+"a"))
	require.Error(t, hierarchical.CheckKey(strings.Repeat("a", 256)))
}
