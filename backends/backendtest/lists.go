package backendtest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
)

var listCases = []testCase{
	{"ListOfNothing", 0, func(t *testing.T, f *fixture) {
		f.requireNothingUnder(t, "")
		require.Empty(t, f.list(t, backends.ListOptions{Prefix: "none/"}, nil))
		f.put(t, "some", []byte("x"))
		require.Empty(t, f.list(t, backends.ListOptions{Prefix: "none/"}, nil))
		require.Empty(t, f.list(t, backends.ListOptions{Prefix: "some/"}, nil))
	}},
	{"ListInOrderAtEveryPageSize", 0, listInOrder},
	{"ListByAnyBeginningOfAKey", 0, func(t *testing.T, f *fixture) {
		for _, key := range []string{"ab", "abc", "abd/e", "abd/f", "b"} {
			f.put(t, key, []byte(key))
		}
		for prefix, want := range map[string][]string{
			"":       {"ab", "abc", "abd/", "b"},
			"a":      {"ab", "abc", "abd/"},
			"ab":     {"ab", "abc", "abd/"},
			"abc":    {"abc"},
			"abd":    {"abd/"},
			"abd/":   {"abd/e", "abd/f"},
			"abd/e":  {"abd/e"},
			"abd/e/": nil,
			"z":      nil,
		} {
			got := f.list(t, backends.ListOptions{Prefix: prefix}, nil)
			got = slices.DeleteFunc(got, func(key string) bool { return key == prefix && strings.HasSuffix(key, "/") })
			require.Equal(t, want, nilIfEmpty(got), "%q", prefix)
		}
	}},
	{"ListSaysWhatStatSays", 0, func(t *testing.T, f *fixture) {
		f.put(t, "a/one", noise(1, 1))
		f.put(t, "a/two", noise(2, 2000))
		page, err := f.ListPage(t.Context(), backends.ListOptions{Prefix: "a/", Recursive: true})
		require.NoError(t, err)
		for _, info := range page.Entries {
			stat, err := f.Stat(t.Context(), info.Key)
			require.NoError(t, err)
			require.Equal(t, stat.Size, info.Size)
			require.Equal(t, stat.Version, info.Version, "a version from a listing pins as one from Stat")
		}
	}},
	{"ListOfANameThatIsAFileAndAFolder", 0, func(t *testing.T, f *fixture) {
		if f.OneName || f.FileHidesFolder {
			return // the store holds, or lists, only one of the two
		}
		for _, key := range []string{"a", "a/", "a/b", "a/b/c"} {
			f.put(t, key, nil)
		}
		require.Equal(t, []string{"a", "a/"}, f.list(t, backends.ListOptions{}, nil))
		require.Equal(t, []string{"a/", "a/b", "a/b/"}, f.list(t, backends.ListOptions{Prefix: "a/"}, nil))
		require.Equal(t, []string{"a", "a/", "a/b", "a/b/c"}, f.list(t, backends.ListOptions{Recursive: true}, nil))
		s := f.store(t)
		s.requireChildren(t, "", "a", "a/")
		s.requireChildren(t, "a", "a/b", "a/b/")
		s.requireChildren(t, "a/b", "a/b/c")
		_, err := s.Stat(t.Context(), "a/b")
		require.NoError(t, err)
		_, err = s.StatFolder(t.Context(), "a/b")
		require.NoError(t, err)
	}},
	{"ListWhileKeysComeAndGo", 0, listWhileChanging},
	{"ListMoreThanAPage", 0, func(t *testing.T, f *fixture) {
		for i := range 30 {
			f.put(t, fmt.Sprintf("many/%02d", i), nil)
		}
		require.Len(t, f.files(t, "many/"), 30)
		require.Len(t, f.list(t, backends.ListOptions{Prefix: "many/", Max: 7, Recursive: true}, nil), len(f.list(t, backends.ListOptions{Prefix: "many/"}, nil)))
	}},
}

func nilIfEmpty(keys []string) []string {
	if len(keys) == 0 {
		return nil
	}
	return keys
}

// listInOrder uses names next to "/" in the order of bytes, where a sort by folders goes wrong,
// and some whose order in UTF-8 is not that in UTF-16.
func listInOrder(t *testing.T, f *fixture) {
	files := []string{
		"a-b", "a.b", "a/-", "a/b", "a/b-", "a/c/d", "a0", "a0/b", "aa", "b/c/d/e", "c\u007f", "z/\uff5e", "z/😀", "é",
	}
	if f.UTF16Order {
		files = slices.DeleteFunc(files, func(key string) bool { return key == "z/\uff5e" })
	}
	if f.OneName || f.FileHidesFolder {
		files = slices.DeleteFunc(files, func(key string) bool { return key == "a0" })
	} else {
		files = append(files, "a", "a/c")
	}
	for _, key := range files {
		f.put(t, key, []byte(key))
	}
	slices.Sort(files)

	for _, prefix := range []string{"", "a", "a/", "a/b", "z/"} {
		all, children := f.expected(t, files, prefix)
		for _, size := range []int{0, 1, 2, 3, 1000} {
			require.Equal(t, all, f.list(t, backends.ListOptions{Prefix: prefix, Recursive: true, Max: size}, nil), "%q by %d", prefix, size)
			require.Equal(t, children, f.list(t, backends.ListOptions{Prefix: prefix, Max: size}, nil), "children of %q by %d", prefix, size)
		}
	}
}

// expected returns what a recursive and what a plain listing of prefix must give for these files.
// A store with folders lists a marker for each of them.
func (f *fixture) expected(t *testing.T, files []string, prefix string) (all, children []string) {
	t.Helper()
	keys := slices.Clone(files)
	if f.caps.Has(backends.CapFolders) {
		for _, key := range files {
			for i := range key {
				if key[i] == '/' {
					keys = append(keys, key[:i+1])
				}
			}
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		all = append(all, key)
		child := key
		if name, _, ok := strings.Cut(key[len(prefix):], "/"); ok {
			child = prefix + name + "/"
			if key == prefix {
				child = key
			}
		}
		children = append(children, child)
	}
	return all, slices.Compact(children)
}

// listWhileChanging deletes what was listed, and adds and deletes around it: what stays must be
// listed once.
func listWhileChanging(t *testing.T, f *fixture) {
	for _, recursive := range []bool{true, false} {
		for _, size := range []int{1, 2, 3} {
			dir := fmt.Sprintf("%t-%d/", recursive, size)
			var stay []string
			for i := range 8 {
				key := fmt.Sprintf("%sk%d-stays", dir, i)
				stay = append(stay, key)
				f.put(t, key, nil)
				f.put(t, fmt.Sprintf("%sk%d-goes", dir, i), nil)
			}
			round := 0
			got := f.list(t, backends.ListOptions{Prefix: dir, Recursive: recursive, Max: size}, func() {
				if round < 8 {
					f.delete(t, fmt.Sprintf("%sk%d-goes", dir, round))
					f.put(t, fmt.Sprintf("%sk%d-a-comes", dir, round), nil)
					f.put(t, fmt.Sprintf("%sk%d-z-comes", dir, 7-round), nil)
				}
				round++
			})
			require.True(t, slices.IsSorted(got), "%v", got)
			require.Len(t, slices.Compact(slices.Clone(got)), len(got), "a key listed twice: %v", got)
			require.Subset(t, got, stay)
		}
	}
}
