package gcsstore

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

const nowhere = "http://127.0.0.1:1" // nobody listens

func TestCheckSaysWhatIsWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		do     func(http.ResponseWriter, *http.Request, http.Handler)
		kind   backends.Kind
		says   string
	}{
		"no such bucket":   {func(o *Options) { o.Bucket = "none-such" }, nil, backends.ErrUnavailable, "there is no such bucket"},
		"nobody listening": {func(o *Options) { o.Endpoint = nowhere }, nil, backends.ErrUnavailable, "it cannot be reached"},
		"not allowed":      {nil, answer(http.StatusForbidden, "forbidden", "no"), backends.ErrPermission, "neither list the bucket nor write to it"},
		"not known":        {nil, answer(http.StatusUnauthorized, "authError", "no"), backends.ErrUnavailable, "not, or no longer, valid"},
		"nobody pays":      {nil, answer(http.StatusBadRequest, "userProjectMissing", "no"), backends.ErrUnavailable, "name the project that pays"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProxy(t)
			d := p.open(t, func(opts *Options, _ *tuning) {
				if c.change != nil {
					c.change(opts)
				}
			})
			if c.do != nil {
				p.spoil("GET", 100, c.do)
			}
			err := d.Check(t.Context())
			require.ErrorIs(t, err, c.kind)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestWriteOnlyBucket is a drop box: what is put in can be neither listed nor looked at.
func TestWriteOnlyBucket(t *testing.T) {
	p, d := newProxied(t)
	p.spoil("GET iam testPermissions", 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"permissions": ["storage.objects.create"]}`))
	})
	p.spoil("GET", 100, answer(http.StatusForbidden, "forbidden", "no"))
	require.NoError(t, d.Check(t.Context()))
	put(t, d, "a", []byte("data"))
	_, err := d.Stat(t.Context(), "a")
	require.ErrorIs(t, err, backends.ErrPermission)
}

// serviceAccount returns the file of an account with a key of its own.
func serviceAccount(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	file, err := json.Marshal(map[string]string{
		"type":           "service_account",
		"client_email":   "in@project.iam.gserviceaccount.com",
		"private_key_id": "1",
		"private_key":    string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded})),
		"token_uri":      nowhere + "/token",
	})
	require.NoError(t, err)
	return string(file)
}

func TestRequestsCarryTheirToken(t *testing.T) {
	p, anonymous := newProxied(t)
	put(t, anonymous, "a", []byte("data"))
	require.Empty(t, p.seen()[0].header.Get("Authorization"))

	d := p.open(t, func(opts *Options, _ *tuning) { opts.CredentialsJSON = serviceAccount(t) })
	put(t, d, "a", []byte("data"))
	require.Equal(t, "data", string(read(t, d, "a")))
	for _, r := range p.seen() {
		require.Regexp(t, `^Bearer ey`, r.header.Get("Authorization"), "signed here, without a request for it")
	}
}

func TestDamagedCredentials(t *testing.T) {
	p := newProxy(t)
	d := p.open(t, func(opts *Options, _ *tuning) {
		opts.CredentialsJSON = `{"type": "service_account", "client_email": "a@b", "private_key": "hidden"}`
	})
	err := d.Check(t.Context())
	require.ErrorIs(t, err, backends.ErrUnavailable)
	require.ErrorContains(t, err, "credentials")
	require.NotContains(t, err.Error(), "hidden")
	require.NotContains(t, err.Error(), "cannot be reached")
	require.Empty(t, p.seen())
}
