package gateway

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestNamesOfKeys(t *testing.T) {
	for key, name := range map[string]string{
		// Ordinary names stay as they are.
		"a/b.txt":     "a/b.txt",
		"100%.txt":    "100%.txt",
		"a%20b":       "a%20b",
		"%2Etidegate": "%2Etidegate",
		"x%2Fy":       "x%2Fy",
		"%0a":         "%0a", // the digits of an escape are upper-case
		"%":           "%",
		"%2":          "%2",
		"%25":         "%25",
		"%2525":       "%2525",
		"...":         "...",
		"äöü 文":       "äöü 文",

		// What no client can say or show.
		"a\nb":          "a%0Ab",
		"\x00\x1f\x7f":  "%00%1F%7F",
		"caf\xe9":       "caf%E9",
		"\xc3":          "%C3",
		"a//b":          "a/%2F/b",
		"//":            "%2F/%2F/%2F",
		"./x":           "%2E/x",
		"a/../b":        "a/%2E%2E/b",
		"../.tidegate":  "%2E%2E/.tidegate",
		"%\n":           "%%0A",
		"%25\n":         "%25%0A",
		"%2\x35/\x80ää": "%25/%80ää",

		// What reads as an escape.
		"%0A":        "%250A",
		"%250A":      "%25250A",
		"%25250A":    "%2525250A",
		"a%7Fb%FF":   "a%257Fb%25FF",
		"%C3%A4":     "%25C3%25A4",
		"%2F":        "%252F",
		"%252F":      "%25252F",
		"%2E":        "%252E",
		"%2E%2E":     "%252E%2E",
		"%252E%2E":   "%25252E%2E",
		"%2E%252E":   "%2E%252E",
		"%2E%2E%2E":  "%2E%2E%2E",
		"%25%0A":     "%25%250A",
		"%252525/%0": "%252525/%0",
	} {
		require.Equal(t, name, nameOf(key), "%q", key)
		require.Equal(t, key, keyOf(name), "%q", name)
	}
	for name, key := range map[string]string{ // names that no listing shows
		"%C3%A4": "ä",
		"a\nb":   "a\nb",
		"\xe9":   "\xe9",
	} {
		require.Equal(t, key, keyOf(name), "%q", name)
		require.NotEqual(t, name, nameOf(key))
		require.Equal(t, key, keyOf(nameOf(key)), "%q", name)
	}
}

// checkNames holds a text to what is promised of it, once as a key and once as a name.
func checkNames(t *testing.T, text string) {
	t.Helper()
	name := nameOf(text)
	require.Equal(t, text, keyOf(name), "%q has a name that does not lead back", text)
	require.True(t, utf8.ValidString(name), "%q", name)
	require.False(t, strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }), "%q", name)
	require.Equal(t, strings.Count(text, "/"), strings.Count(name, "/"))
	for element := range strings.SplitSeq(name, "/") {
		require.NotContains(t, []string{"", ".", ".."}, element)
	}

	key := keyOf(text)
	require.Equal(t, strings.Count(text, "/"), strings.Count(key, "/"), "a name makes no folders: %q", text)
	require.Equal(t, key, keyOf(nameOf(key)), "%q leads where no listing leads", text)
}

func TestNamesAtRandom(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	pieces := []string{"%", "25", "0A", "2E", "2F", "7F", "C3", "A4", "ä", ".", "/", "\n", "\xc3", "\xa4", "\x00", "2", "5", "a", "F"}
	for range 100_000 {
		var text strings.Builder
		for range random.IntN(9) {
			text.WriteString(pieces[random.IntN(len(pieces))])
		}
		checkNames(t, text.String())
	}
}

func FuzzNames(f *testing.F) {
	for _, text := range []string{"", "a/b", "%2E%2E/%2F", "%25250A", "\xff\x00//..", "%C3%A4"} {
		f.Add(text)
	}
	f.Fuzz(checkNames)
}
