package ftpproto

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMask(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string
	}{
		{"*", []string{"", "a", ".a", "ä ö"}, nil},
		{"*.txt", []string{".txt", "a.txt", "a.txt.txt"}, []string{"a.txt ", "txt", "a.TXT"}},
		{"a*b*c", []string{"abc", "a1b2c", "abcbc"}, []string{"ab", "acb", "abcd"}},
		{"a**c", []string{"ac", "abc"}, []string{"a"}},
		{"?", []string{"a", "ä", "\xff"}, []string{"", "ab"}},
		{"a?c", []string{"abc", "a?c"}, []string{"ac", "abbc"}},
		{"[abc]", []string{"a", "c"}, []string{"d", "", "ab"}},
		{"[a-c]x", []string{"ax", "bx"}, []string{"dx", "-x"}},
		{"[!a-c]", []string{"d", "ä"}, []string{"a"}},
		{"[^a]", []string{"b"}, []string{"a"}},
		{"[]a]", []string{"]", "a"}, []string{"b"}},
		{"[a-]", []string{"a", "-"}, []string{"b"}},
		{"[ä-ü]", []string{"ö"}, []string{"a"}},
		{"[c-a]", nil, []string{"a", "b", "c"}},
		{"a[", []string{"a["}, []string{"a"}},
		{"a[b", []string{"a[b"}, []string{"ab"}},
		{"[!", []string{"[!"}, []string{"x"}},
		{"*[0-9].csv", []string{"a1.csv", "1.csv"}, []string{"a.csv"}},
	} {
		for _, name := range tt.yes {
			ok, err := newMask(tt.pattern).matches(name)
			require.NoError(t, err)
			require.True(t, ok, "%q should match %q", tt.pattern, name)
		}
		for _, name := range tt.no {
			ok, err := newMask(tt.pattern).matches(name)
			require.NoError(t, err)
			require.False(t, ok, "%q should not match %q", tt.pattern, name)
		}
	}
}

// A mask that makes a naive matcher try without end costs at most the product of the lengths.
func TestMaskBomb(t *testing.T) {
	m := newMask(strings.Repeat("a*", 100) + "b")
	name := strings.Repeat("a", 255)
	ok, err := m.matches(name)
	require.NoError(t, err)
	require.False(t, ok)
	require.Less(t, maskBudget-m.left, 2*len(m.pattern)*len(name))

	// One that is meant can be matched for ever.
	m = newMask("*.txt")
	for range maskBudget / len(name) {
		_, err := m.matches(name)
		require.NoError(t, err)
	}
}

// The work for a whole folder is bounded too.
func TestMaskBudget(t *testing.T) {
	m := newMask("*" + strings.Repeat("a", 1000) + "b")
	name := strings.Repeat("a", 4000)
	for range 10 {
		if _, err := m.matches(name); err != nil {
			require.Equal(t, errMaskCost, err)
			return
		}
	}
	t.Fatal("the budget was never spent")
}

func FuzzMask(f *testing.F) {
	f.Add("*[!a-z]?", "abc1x")
	f.Add("[", "[")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		_, err := newMask(pattern).matches(name)
		if err != nil {
			require.Equal(t, errMaskCost, err)
		}
		ok, err := newMask("*" + strings.NewReplacer("*", "?", "[", "?").Replace(name)).matches(name)
		require.NoError(t, err)
		require.True(t, ok)
	})
}
