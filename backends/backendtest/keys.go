package backendtest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var keyCases = []testCase{
	{"NamesEveryStoreHolds", 0, func(t *testing.T, f *fixture) {
		f.holds(t, []string{
			"a..b", "..a", ".hidden", "a b", " a", "a ", "a+b", "a%b", "a%2Fb", "%41", "a#b", "a?b", "a&b=c",
			"a;b", "a,b", "a'b", `a"b`, "a<b>", "a:b", "a@b", "a$b", "a!b", "(a)", "[a][0@0]", "{a}", "a|b", "a~", "a^b", "a`b", "a=b", "-a",
			"ä", "a\u0308", "日本語", "שלום", "\uff5e", "😀", "ﬁ", "e\u0301\u0327",
		})
	}},
	{"NamesAStoreMayRefuse", 0, func(t *testing.T, f *fixture) {
		for _, key := range []string{
			"a\x01b", "a\tb", "a\nb", "a\r\nb", "a\x1b[2Jb", "a\x7fb", "a\u0085b", "a\u200bb", "a\ufeffb", "\ufffd", "a\uffffb",
			`a\b`, `..\a`, "a*b", "con", "nul.txt", "a.", "a..", "...", "a /b", "a./b", strings.Repeat("long", 75),
			".", "..", "a/.", "a/..", "a/./b", "a/../b", "../a", "./a", "a//b", "/a", "//a", "a//",
			"a\xffb", "a\xc3", "a\x00b",
		} {
			if err := f.CheckKey(key); err != nil {
				requireError(t, err, backends.ErrInvalid)
				continue
			}
			f.put(t, key, []byte(key))
			f.holdsStored(t, key)
			f.delete(t, key)
			f.requireAbsent(t, key)
		}
		requireError(t, f.CheckKey(""), backends.ErrInvalid)
	}},
	{"LongestKey", 0, func(t *testing.T, f *fixture) {
		element := strings.Repeat("n", 199) + "/"
		key := strings.Repeat(element, f.limits.MaxKey/len(element)+1)[:f.limits.MaxKey]
		if strings.HasSuffix(key, "/") {
			key = key[:len(key)-1] + "n"
		}
		f.put(t, key, []byte("long"))
		f.requireObject(t, key, []byte("long"))
		require.Equal(t, []string{key}, f.files(t, ""))

		require.NoError(t, f.CheckKey(key))
		requireError(t, f.CheckKey(key+"n"), backends.ErrInvalid)
	}},
	{"DeepKey", 0, func(t *testing.T, f *fixture) {
		key := strings.Repeat("d/", 50) + "file"
		f.put(t, key, []byte("deep"))
		f.requireObject(t, key, []byte("deep"))
		require.Equal(t, []string{"d/"}, f.list(t, backends.ListOptions{}, nil))
	}},
	{"KeyThatIsAPrefixOfAnother", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a", []byte("file"))
		f.put(t, "ab/c", []byte("other"))
		_, err := f.Put(t.Context(), "a/b", f.body([]byte("below")), backends.WriteOptions{})
		if f.OneName {
			requireError(t, err, backends.ErrInvalid, backends.ErrExist)
			require.Equal(t, []string{"a", "ab/c"}, f.files(t, ""))
		} else {
			require.NoError(t, err)
			f.requireObject(t, "a/b", []byte("below"))
			want := []string{"a", "a/", "ab/"}
			if f.FileHidesFolder {
				want = []string{"a", "ab/"}
			}
			require.Equal(t, want, f.list(t, backends.ListOptions{}, nil))
		}
		f.requireObject(t, "a", []byte("file"))
	}},
	{"FileAtTheNameOfAFolder", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a/b", []byte("below"))
		f.requireAbsent(t, "a")
		_, err := f.Put(t.Context(), "a", f.body([]byte("file")), backends.WriteOptions{})
		if f.OneName {
			requireError(t, err, backends.ErrInvalid, backends.ErrExist)
			f.requireAbsent(t, "a")
		} else {
			require.NoError(t, err)
			f.requireObject(t, "a", []byte("file"))
		}
		f.requireObject(t, "a/b", []byte("below"))
	}},
	{"CaseIsKept", 0, func(t *testing.T, f *fixture) {
		f.put(t, "Name", []byte("1"))
		f.put(t, "name", []byte("22"))
		f.requireObject(t, "Name", []byte("1"))
		f.requireObject(t, "name", []byte("22"))
	}},
	{"FolderMarkers", 0, folderMarkers},
}

// holds stores keys, alone and as folders of others, and finds all again.
func (f *fixture) holds(t *testing.T, keys []string) {
	t.Helper()
	for _, key := range keys {
		f.put(t, key, []byte(key))
		f.put(t, "in/"+key+"/x", []byte(key))
	}
	for _, key := range keys {
		f.holdsStored(t, key)
		f.requireObject(t, "in/"+key+"/x", []byte(key))
	}
	require.Len(t, f.files(t, ""), 2*len(keys))
	f.delete(t, keys...)
	for _, key := range keys {
		f.requireAbsent(t, key)
	}
}

// holdsStored finds key, whose bytes are its own name, by name and in a listing.
func (f *fixture) holdsStored(t *testing.T, key string) {
	t.Helper()
	f.requireObject(t, key, []byte(key))
	require.Contains(t, f.list(t, backends.ListOptions{Prefix: key, Recursive: true}, nil), key)
	require.Contains(t, f.list(t, backends.ListOptions{Prefix: key}, nil), key)
}

// files returns all keys under prefix that are no folder markers.
func (f *fixture) files(t *testing.T, prefix string) []string {
	t.Helper()
	var files []string
	for _, key := range f.list(t, backends.ListOptions{Prefix: prefix, Recursive: true}, nil) {
		if !strings.HasSuffix(key, "/") {
			files = append(files, key)
		}
	}
	return files
}

func folderMarkers(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.requireAbsent(t, "a/")
	info := f.put(t, "a/", nil)
	require.True(t, info.IsMarker())
	f.put(t, "b/c/", nil)

	for _, key := range []string{"a/", "b/c/"} {
		marker, err := f.Stat(ctx, key)
		require.NoError(t, err)
		require.Equal(t, key, marker.Key)
		require.NotEmpty(t, marker.Version)
	}
	f.requireAbsent(t, "a")
	require.Equal(t, []string{"a/", "b/"}, f.list(t, backends.ListOptions{}, nil))
	require.Equal(t, []string{"a/"}, f.list(t, backends.ListOptions{Prefix: "a/"}, nil))
	require.Equal(t, []string{"b/c/"}, f.list(t, backends.ListOptions{Prefix: "b/c/"}, nil))
	require.Contains(t, f.list(t, backends.ListOptions{Prefix: "b/", Recursive: true}, nil), "b/c/")

	if f.caps.Has(backends.CapIfAbsent) {
		_, err := f.Put(ctx, "a/", f.body(nil), backends.WriteOptions{IfAbsent: true})
		requireError(t, err, backends.ErrExist)
		_, err = f.Put(ctx, "new/", f.body(nil), backends.WriteOptions{IfAbsent: true})
		require.NoError(t, err)
	}
	f.delete(t, "a/", "b/c/")
	f.requireAbsent(t, "a/")
	f.requireAbsent(t, "b/c/")
}

func (f *fixture) requireNothingUnder(t *testing.T, prefix string) {
	t.Helper()
	require.Empty(t, f.list(t, backends.ListOptions{Prefix: prefix, Recursive: true}, nil))
}
