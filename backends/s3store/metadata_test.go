package s3store

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestModTimeAsText(t *testing.T) {
	for _, c := range []struct {
		time time.Time
		text string
	}{
		{time.Unix(0, 0), "0"},
		{time.Unix(1354040105, 0), "1354040105"},
		{time.Unix(1354040105, 123456789), "1354040105.123456789"},
		{time.Unix(1354040105, 120000000), "1354040105.12"},
		{time.Unix(1, 1), "1.000000001"},
		{time.Unix(-1, 0), "-1"},
		{time.Unix(-1, 500000000), "-0.5"},
		{time.Unix(-2, 999999999), "-1.000000001"},
	} {
		require.Equal(t, c.text, formatModTime(c.time))
		got, err := parseModTime(c.text)
		require.NoError(t, err)
		require.True(t, c.time.Equal(got), "%q is %v", c.text, got)
	}
	got, err := parseModTime("1.1234567899") // a digit more than there are nanoseconds
	require.NoError(t, err)
	require.True(t, time.Unix(1, 123456789).Equal(got))
	for _, text := range []string{"", ".", "x", "1.x", "1.-5", "1e9", " 1", "99999999999999999999"} {
		_, err := parseModTime(text)
		require.Error(t, err, "%q", text)
	}
}

func TestModTimeThatIsNoTime(t *testing.T) {
	stored := time.Unix(7, 0)
	require.Equal(t, stored, modTime(map[string]string{metaModTime: "yesterday"}, &stored))
	require.Equal(t, stored, modTime(nil, &stored))
	require.True(t, modTime(map[string]string{metaModTime: "5"}, &stored).Equal(time.Unix(5, 0)))
}

func TestVersionsHaveNoQuotes(t *testing.T) {
	for _, etag := range []string{`"abc-2"`, `abc-2`} {
		require.Equal(t, "abc-2", version(&etag))
	}
	require.Equal(t, `"abc-2"`, *pinned("abc-2"))
	require.Nil(t, pinned(""))
	require.Empty(t, version(nil))
}
