package s3store

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

func TestKeysOfAWS(t *testing.T) {
	long := strings.Repeat("n", maxKey)
	for _, traits := range []traits{{aws: true}, {aws: true, directory: true}, {}} {
		d := &Driver{traits: traits}
		anyKey := traits.aws && !traits.directory
		for key, wants := range map[string]struct{ aws, others bool }{
			"a/b": {true, true}, "a/": {true, true}, "日本/語": {true, true}, "a\x01\n": {true, true}, `a\b`: {true, true}, "soap/a": {true, true},
			"a//b": {true, false}, "/a": {true, false}, "/": {true, false}, "a//": {true, false},
			"./a": {true, false}, "a/.": {true, false}, ".": {true, false}, "a/../b": {true, false}, "a/b/../../c": {true, false},
			"..": {false, false}, "../a": {false, false}, "a/../../b": {false, false}, "./../a": {false, false}, "a/../..": {false, false},
			`a\..\b`: {true, false}, `..\a`: {true, false}, `a\.`: {true, false},
			"": {false, false}, "a\x00b": {false, false}, "a\xffb": {false, false},
			long: {true, false}, long + "n": {false, false}, strings.Repeat("n", maxElement+1): {true, false}, strings.Repeat("n", maxElement): {true, true},
			"soap": {false, true},
		} {
			want := wants.others
			if anyKey {
				want = wants.aws
			}
			err := d.CheckKey(key)
			if want {
				require.NoError(t, err, "%q %+v", key, traits)
			} else {
				require.ErrorIs(t, err, backends.ErrInvalid, "%q %+v", key, traits)
			}
		}
	}
	require.NoError(t, (&Driver{traits: traits{aws: true}, opts: Options{PathStyle: true}}).CheckKey("soap"))
}

// TestKeysArriveAsTheyAre looks at the requests for keys that a URL library might tidy up.
func TestKeysArriveAsTheyAre(t *testing.T) {
	var paths []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"some"`)
		path, _, _ := strings.Cut(r.RequestURI, "?")
		paths = append(paths, path)
	}))
	defer server.Close()
	d, err := New(t.Context(), Options{Bucket: "drop", Endpoint: server.URL, PathStyle: true, AccessKey: "a", SecretKey: "b"})
	require.NoError(t, err)
	defer d.Close()
	for key, want := range map[string]string{
		"a//b": "a//b", "/a": "/a", "/": "/", "a//": "a//", "./a": "./a", "a/../b": "a/../b", ".": ".", "a/.": "a/.",
		"a\x01%": "a%01%25", "ä ?#": "%C3%A4%20%3F%23", `a\b`: "a%5Cb",
	} {
		paths = nil
		_, err := d.Stat(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, []string{"/drop/" + want}, paths, "%q", key)
	}
}

func TestVendors(t *testing.T) {
	for endpoint, want := range map[string]bool{
		"": true, "https://s3.eu-north-1.amazonaws.com": true, "https://bucket.vpce-1a.s3.us-east-1.vpce.amazonaws.com": true,
		"https://s3.cn-north-1.amazonaws.com.cn": true, "http://127.0.0.1:9000": false, "https://amazonaws.com.example.net": false,
	} {
		require.Equal(t, want, Options{Endpoint: endpoint}.aws(), endpoint)
		require.Equal(t, want, Options{Endpoint: endpoint, Bucket: "drop--use1-az4--x-s3"}.directory(), endpoint)
		require.False(t, Options{Endpoint: endpoint, Bucket: "drop"}.directory())
	}
}
