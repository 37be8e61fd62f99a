package ftpproto

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParsePORT(t *testing.T) {
	for arg, want := range map[string]string{
		"127,0,0,1,4,1":       "127.0.0.1:1025",
		"10,20,30,40,255,255": "10.20.30.40:65535",
	} {
		got, err := parsePORT(arg)
		require.NoError(t, err, arg)
		require.Equal(t, want, got.String())
	}
	for _, arg := range []string{"", "1,2,3,4,5", "1,2,3,4,5,6,7", "256,0,0,1,4,1", "-1,0,0,1,4,1", "1,2,3,4,5,", "a,b,c,d,e,f", "1, 2,3,4,5,6", "+1,2,3,4,5,6", "127.0.0.1:80"} {
		_, err := parsePORT(arg)
		require.ErrorIs(t, err, errPORT, arg)
	}
}

func TestParseEPRT(t *testing.T) {
	for arg, want := range map[string]string{
		"|1|127.0.0.1|1025|":        "127.0.0.1:1025",
		"|2|::1|65535|":             "[::1]:65535",
		"|2|2001:db8::1|5282|":      "[2001:db8::1]:5282",
		"!1!132.235.1.2!6275!":      "132.235.1.2:6275",
		"|2|::ffff:127.0.0.1|2000|": "127.0.0.1:2000",
		"|2|fe80::1%eth0|2000|":     "[fe80::1]:2000",
	} {
		got, err := parseEPRT(arg)
		require.NoError(t, err, arg)
		require.Equal(t, want, got.String())
	}
	for _, arg := range []string{"", "|", "|1|127.0.0.1|1025", "1|127.0.0.1|1025|", "|1|127.0.0.1|x|", "|1|127.0.0.1|65536|",
		"|1|::1|1025|", "|2|127.0.0.1|1025|", "|1||1025|", "|x|127.0.0.1|1025|", "|1|127.0.0.1|1025|x", "|1|localhost|1025|", "||127.0.0.1|1025|"} {
		_, err := parseEPRT(arg)
		require.ErrorIs(t, err, errEPRT, arg)
	}
	for _, arg := range []string{"|0|x|1|", "|3|127.0.0.1|1025|"} {
		_, err := parseEPRT(arg)
		require.ErrorIs(t, err, errFamily, arg)
	}
}
