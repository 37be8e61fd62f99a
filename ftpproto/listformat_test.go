package ftpproto

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const everything = PermAppend | PermCreate | PermDelete | PermEnter | PermRename | PermList | PermMkdir | PermPurge | PermRead | PermWrite

// owner is what stands between mode and size.
const owner = "    1 ftp      ftp      " //nolint:dupword // and group

func TestUnixFormat(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	zone := time.FixedZone("", 3600)
	for _, tt := range []struct {
		info FileInfo
		want string
	}{
		{FileInfo{Name: "a b", Size: 12, ModTime: time.Date(2026, 6, 5, 4, 3, 2, 1, time.UTC), Perm: everything},
			"-rw-r--r--" + owner + "          12 Jun 05 04:03 a b"},
		{FileInfo{Name: "utc", ModTime: time.Date(2026, 6, 5, 4, 3, 2, 1, zone), Perm: PermRead},
			"-r--r--r--" + owner + "           0 Jun 05 03:03 utc"},
		{FileInfo{Name: "old", Size: 1 << 50, ModTime: time.Date(2025, 12, 31, 4, 3, 2, 1, time.UTC), Perm: PermWrite},
			"--w-------" + owner + "1125899906842624 Dec 31  2025 old"},
		{FileInfo{Name: "future", ModTime: time.Date(2026, 7, 9, 0, 0, 0, 0, time.UTC)},
			"----------" + owner + "           0 Jul 09  2026 future"},
		{FileInfo{Name: "clock is a bit fast", ModTime: now.Add(time.Hour), Perm: PermAppend},
			"--w-------" + owner + "           0 Jul 01 13:00 clock is a bit fast"},
		{FileInfo{Name: "in", IsDir: true, ModTime: now, Perm: everything},
			"drwxr-xr-x" + owner + "           0 Jul 01 12:00 in"},
		{FileInfo{Name: "drop", IsDir: true, ModTime: now, Perm: PermCreate | PermEnter},
			"d-wx--x--x" + owner + "           0 Jul 01 12:00 drop"},
		{FileInfo{Name: "a\r\nb\x7f\x01", ModTime: now},
			"----------" + owner + "           0 Jul 01 12:00 a??b??"},
		{FileInfo{Name: "never"},
			"----------" + owner + "           0 Jan 01  1970 never"},
	} {
		require.Equal(t, tt.want, string(unixFormat(now)(nil, tt.info, tt.info.Name)))
	}
}

func TestFactFormat(t *testing.T) {
	file := FileInfo{Name: "a\nb", Size: 7, Unique: "x\r1", Perm: PermRead | PermWrite,
		ModTime: time.Date(2026, 6, 5, 4, 3, 2, 10_999_999, time.FixedZone("", 3600))}
	folder := FileInfo{Name: "d", IsDir: true, Size: 3, Perm: PermList | PermEnter}
	for _, tt := range []struct {
		facts string
		info  FileInfo
		want  string
	}{
		{"type;size;modify;perm;unique;UNIX.mode;", file, "type=file;size=7;modify=20260605030302.010;perm=rw;unique=x?1;UNIX.mode=0644; a?b"},
		{"type;size;modify;perm;unique;UNIX.mode;", folder, "type=dir;perm=el;UNIX.mode=0555; d"},
		{"SIZE;Type", file, "type=file;size=7; a?b"},
		{"media-type;lang", file, " a?b"},
		{"", file, " a?b"},
	} {
		require.Equal(t, tt.want, string(factFormat(parseFacts(tt.facts))(nil, tt.info, tt.info.Name)))
	}
}

func TestFacts(t *testing.T) {
	require.Equal(t, "type;size;modify;perm;unique;UNIX.mode;", factSet(allFacts).String())
	require.Equal(t, "type;modify;", parseFacts("MODIFY;type;nonsense").String())
	require.Equal(t, []string{"MLST type*;size;modify;perm;unique;UNIX.mode*;"}, mlstFeature(&session{facts: factType | factMode}))
}

func TestTimes(t *testing.T) {
	for _, text := range []string{"20260605040302", "20260605040302.123", "20000229235959"} {
		parsed, err := parseTime(text)
		require.NoError(t, err)
		require.Equal(t, text, string(appendTime(nil, parsed)))
	}
	for _, text := range []string{"", "2026", "20261305040302", "20260605040302.", "20260605040302Z", "20260605 40302", "20230229000000"} {
		_, err := parseTime(text)
		require.Error(t, err, text)
	}
}

func TestDropOptions(t *testing.T) {
	for arg, want := range map[string]string{
		"":             "",
		"-a":           "",
		"-al":          "",
		"-la folder":   "folder",
		"-l -a a b":    "a b",
		"-a  b":        " b",
		"a -l":         "a -l",
		"-report.txt":  "-report.txt",
		"-":            "-",
		"-- -a":        "-a",
		"-l -- -a -b":  "-a -b",
		"-1":           "",
		"./-a":         "./-a",
		"-2026-01-02":  "-2026-01-02",
		"-lx y z -q  ": "y z -q  ",
	} {
		require.Equal(t, want, dropOptions(arg), "%q", arg)
	}
}
