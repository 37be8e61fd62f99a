package azstore

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/integration/azurite"
)

func TestCheckSaysWhatIsWrong(t *testing.T) {
	server := azurite.Shared(t)
	name := server.Container(t)
	wrong := base64.StdEncoding.EncodeToString([]byte("wrong-and-secret"))
	readOnly := server.SAS(t, name, "r")
	for title, c := range map[string]struct {
		change func(*Options)
		kind   backends.Kind
		says   string
	}{
		"no such container": {func(o *Options) { o.Container = "none-such" }, backends.ErrUnavailable,
			`container "none-such" at ` + server.Endpoint + `: there is no such container`},
		"wrong key":        {func(o *Options) { o.AccountKey = wrong }, backends.ErrPermission, "neither list the container nor write to it"},
		"nobody listening": {func(o *Options) { o.Endpoint = "http://127.0.0.1:1/tidegate" }, backends.ErrUnavailable, "it cannot be reached"},
		"not allowed":      {func(o *Options) { o.AccountKey, o.SASToken = "", readOnly }, backends.ErrPermission, "neither list the container nor write to it"},
	} {
		t.Run(title, func(t *testing.T) {
			opts := optionsFor(server, name)
			c.change(&opts)
			d, err := New(opts)
			require.NoError(t, err)
			defer d.Close()
			err = d.Check(t.Context())
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
			requireNoSecret(t, err, opts)
		})
	}
}

func requireNoSecret(t *testing.T, err error, opts Options) {
	t.Helper()
	for _, secret := range []string{opts.AccountKey, opts.SASToken, opts.ConnectionString, opts.CustomerKey, "sig=", "SharedKey"} {
		if secret != "" {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

// TestWriteOnlyContainer is a drop box: what is put in can be neither listed nor looked at.
func TestWriteOnlyContainer(t *testing.T) {
	server := azurite.Shared(t)
	name := server.Container(t)
	opts := optionsFor(server, name)
	opts.AccountKey, opts.SASToken = "", "?"+server.SAS(t, name, "cw")
	d, err := New(opts)
	require.NoError(t, err)
	defer d.Close()

	require.NoError(t, d.Check(t.Context()))
	_, err = d.Stat(t.Context(), "a")
	require.ErrorIs(t, err, backends.ErrPermission)
	requireNoSecret(t, err, opts)
	put(t, d, "a", []byte("data"))
	putParts(t, d, "b", backends.WriteOptions{IfAbsent: true}, "da", "ta")
	u, err := d.StartUpload(t.Context(), "c", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.PutPart(t.Context(), 1, body([]byte("data")))
	require.NoError(t, err)
	require.NoError(t, u.Abort(t.Context()))

	found, uploads := left(t, server, name)
	require.Equal(t, []string{"a", "b"}, found)
	require.Empty(t, uploads)
}

// TestSAS does all with a signature for one container, in a connection string too.
func TestSAS(t *testing.T) {
	server := azurite.Shared(t)
	name := server.Container(t)
	sas := server.SAS(t, name, "racwdlt")
	for _, opts := range []Options{
		{Container: name, Endpoint: server.Endpoint, SASToken: sas},
		{Container: name, ConnectionString: "BlobEndpoint=" + server.Endpoint + ";SharedAccessSignature=" + sas},
		{Container: name, ConnectionString: "AccountName=" + server.Account + ";AccountKey=" + server.Key + ";BlobEndpoint=" + server.Endpoint},
	} {
		d, err := New(opts)
		require.NoError(t, err)
		require.NoError(t, d.Check(t.Context()))
		info := put(t, d, "a", []byte("one"))
		putParts(t, d, "a", backends.WriteOptions{Base: &info, BaseSize: info.Size}, "two")
		_, err = d.Copy(t.Context(), "b", backends.Info{Key: "a"}, backends.WriteOptions{})
		require.NoError(t, err)
		require.Equal(t, "onetwo", read(t, d, "b"))
		require.NoError(t, d.Delete(t.Context(), backends.Targets("a", "b")))
		require.NoError(t, d.Close())
	}
}

// tlsDriver returns a driver that may send what goes over https only, and what its store hears.
func tlsDriver(t *testing.T, change func(*Options)) (*Driver, *[]http.Header) {
	t.Helper()
	var mu sync.Mutex
	var heard []http.Header
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		heard = append(heard, r.Header.Clone())
		mu.Unlock()
		w.Header().Set("X-Ms-Request-Id", "1")
		w.Header().Set("ETag", `"0x1"`)
		w.Header().Set("x-ms-meta-uploadid", "x")
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusCreated)
		}
	}))
	t.Cleanup(server.Close)
	opts, tune := Options{Container: "box", Account: "acct", Endpoint: server.URL, AccountKey: "c2VjcmV0"}, defaultTuning()
	change(&opts)
	tune.roots = x509.NewCertPool()
	tune.roots.AddCert(server.Certificate())
	d, err := newDriver(opts, tune)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d, &heard
}

func TestCustomerKeyIsSentEveryTime(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	d, heard := tlsDriver(t, func(o *Options) { o.CustomerKey = key })
	put(t, d, "a", []byte("x"))
	_, err := d.Stat(t.Context(), "a")
	require.NoError(t, err)
	content, _, err := d.ReadRange(t.Context(), "a", "", 0, -1)
	require.NoError(t, err)
	require.NoError(t, content.Close())
	_, err = d.Copy(t.Context(), "b", backends.Info{Key: "a"}, backends.WriteOptions{})
	require.NoError(t, err)
	u, err := d.StartUpload(t.Context(), "c", backends.WriteOptions{})
	require.NoError(t, err)
	_, err = u.PutPart(t.Context(), 1, body([]byte("x")))
	require.NoError(t, err)
	for _, h := range *heard {
		if h.Get("X-Ms-Encryption-Key") == "" {
			require.Empty(t, h.Get("X-Ms-Content-Crc64"), "a list of blocks needs none")
			continue
		}
		require.Equal(t, key, h.Get("X-Ms-Encryption-Key"))
		require.Equal(t, "AES256", h.Get("X-Ms-Encryption-Algorithm"))
		require.Equal(t, "Zmh6rfhivXdsj8GLjp+OIAiXFIVu4jOzkCpZHQ1fKSU=", h.Get("X-Ms-Encryption-Key-Sha256"))
	}
}

type credential struct {
	token string
	err   error
}

func (c credential) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: c.token}, c.err
}

// endingSource authorizes each request anew, as a credential does whose token ends.
type endingSource struct{ asked atomic.Int32 }

func (s *endingSource) source(context.Context, string) (string, *string, error) {
	authorization := fmt.Sprintf("Bearer %d", s.asked.Add(1))
	return "https://example.org/source", &authorization, nil
}

// TestEachPieceIsAuthorizedAnew: a large copy takes longer than a token or a signature holds.
func TestEachPieceIsAuthorizedAnew(t *testing.T) {
	d, heard := tlsDriver(t, func(*Options) {})
	d.source = &endingSource{}
	u := d.newUpload("a", backends.WriteOptions{}, newUploadToken())
	u.base.pieces = spans(0, 3*pieceSize, maxBaseBlocks)
	require.NoError(t, u.take(t.Context(), "copy", "b", "0x1"))
	used := map[string]bool{}
	for _, h := range *heard {
		used[h.Get("X-Ms-Copy-Source-Authorization")] = true
	}
	require.Len(t, used, 3)
}

func TestIdentityThatIsRefused(t *testing.T) {
	d, heard := tlsDriver(t, func(*Options) {})
	identity := tokens{credential{err: errors.New("nobody knows me")}}
	var err error
	d.container, err = container.NewClient(d.opts.Endpoint+"/box", identity, &container.ClientOptions{ClientOptions: clientOptions(d.pools, defaultTuning())})
	require.NoError(t, err)
	err = d.Check(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorContains(t, err, "no credentials could be had: nobody knows me")
	require.NotContains(t, err.Error(), "cannot be reached")
	require.Empty(t, *heard)
}

func TestIdentityIsHandedOnToCopies(t *testing.T) {
	d, _ := tlsDriver(t, func(*Options) {})
	url, authorization, err := tokenSource{plainSource{d.container}, credential{token: "t"}}.source(t.Context(), "a b")
	require.NoError(t, err)
	require.Equal(t, d.opts.Endpoint+"/box/a%20b", url)
	require.Equal(t, "Bearer t", *authorization)
}
