package backends

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestValidKey(t *testing.T) {
	for _, key := range []string{
		"a", "a/b", "a/", "a/b/", "..a", "a..", "a..b", "...", "a/...", ".a/.b", " ", "a b", "ä/ö", "\x01", "a\nb", `a\b`, ".tidegate",
	} {
		require.True(t, ValidKey(key), "%q", key)
	}
	for _, key := range []string{
		"", "/", "/a", "a//b", "a//", ".", "..", "./a", "a/.", "a/./b", "../a", "a/..", "a/../b", "../", "a\x00b", "\xff", "a/\xc3(",
	} {
		require.False(t, ValidKey(key), "%q", key)
	}
}

func TestReserved(t *testing.T) {
	for _, key := range []string{".tidegate", ".tidegate/", ".tidegate/x", ".tidegate/x/"} {
		require.True(t, reserved(key), "%q", key)
	}
	for _, key := range []string{"", ".tidegatex", "a/.tidegate/", ".tide", "x"} {
		require.False(t, reserved(key), "%q", key)
	}
}

func TestFolderKey(t *testing.T) {
	require.Empty(t, FolderKey(""))
	require.Equal(t, "a/", FolderKey("a"))
	require.Equal(t, "a/", FolderKey("a/"))
}

func TestHadoopMarkersAreThoseOfFolders(t *testing.T) {
	for _, folder := range []string{"a", "a/b", "ä b", "a_$folder$"} {
		require.Equal(t, folder+"_$folder$", hadoopMarker(folder))
		require.Equal(t, hadoopMarker(folder), hadoopMarker(folder+"/"))
		require.Equal(t, folder+"/", hadoopFolder(Info{Key: hadoopMarker(folder)}))
	}
	for _, info := range []Info{
		{Key: "a"}, {Key: "_$folder$"}, {Key: "a/_$folder$"}, {Key: "a_$folder$x"}, {Key: "a_$folder"},
		{Key: "a_$folder$/", IsPrefix: true}, {Key: "a_$folder$", Size: 1},
	} {
		require.Empty(t, hadoopFolder(info), "%+v", info)
	}
}
