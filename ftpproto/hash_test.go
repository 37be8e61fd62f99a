package ftpproto

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSumRange(t *testing.T) {
	const none = -1
	for _, test := range []struct {
		arg  string
		want reading // beside the name as it stands; zero for none
		bad  bool
	}{
		{arg: "a"},
		{arg: "a b"},
		{arg: "a 1"},
		{arg: "1 2"},
		{arg: " 1 2"},
		{arg: "a 1 2 "},
		{arg: "a 1  2"},
		{arg: "a +1 2"},
		{arg: "a -1 2"},
		{arg: "a 1 2", want: reading{"a", 1, 2}},
		{arg: "a b 1 2", want: reading{"a b", 1, 2}},
		{arg: "a  1 2", want: reading{"a ", 1, 2}},
		{arg: "  1 2", want: reading{" ", 1, 2}},
		{arg: "a 1 2 3", want: reading{"a 1", 2, 3}},
		{arg: "a\n 1 2", want: reading{"a\n", 1, 2}},
		{arg: "a 0 9223372036854775807", want: reading{"a", 0, math.MaxInt64}},
		{arg: "a 0 9223372036854775808", bad: true},
		{arg: "a 2 1", bad: true},
		{arg: `"`},
		{arg: `""`},
		{arg: `"a`},
		{arg: `"a""`},
		{arg: `a"b"`},
		{arg: `"a 1 2`, want: reading{`"a`, 1, 2}},
		{arg: `"" 1 2`, want: reading{`""`, 1, 2}},
		{arg: `"a"`, want: reading{"a", 0, none}},
		{arg: `"a b"`, want: reading{"a b", 0, none}},
		{arg: `"a""b"`, want: reading{`a"b`, 0, none}},
		{arg: `""""`, want: reading{`"`, 0, none}},
		{arg: `"a 1 2"`, want: reading{"a 1 2", 0, none}},
		{arg: `"a" 1 2`, want: reading{"a", 1, 2}},
		{arg: `"a"  1  2 `, want: reading{"a", 1, 2}},
		{arg: `"a" `, bad: true},
		{arg: `"a"b`, bad: true},
		{arg: `"a"1 2`, bad: true},
		{arg: `"a" 1`, bad: true},
		{arg: `"a" 1 2 3`, bad: true},
		{arg: `"a" -1 2`, bad: true},
	} {
		want := []reading{{test.arg, 0, none}}
		if test.want != (reading{}) {
			want = append(want, test.want)
		}
		got, err := parseSumRange(test.arg)
		require.Equal(t, want, got, "%q", test.arg)
		require.Equal(t, test.bad, err != nil, "%q: %v", test.arg, err)
	}
}

func FuzzParseSumRange(f *testing.F) {
	for _, arg := range []string{"a", "a b 1 2", `"a""b" 0 10`, `"a" 5`, `"`, "a 2 1", "a 0 99999999999999999999"} {
		f.Add(arg)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		readings, err := parseSumRange(arg)
		require.Equal(t, reading{name: arg, to: -1}, readings[0], "the name as it stands comes first")
		require.LessOrEqual(t, len(readings), 2)
		if len(readings) == 1 {
			return
		}
		require.NoError(t, err)
		r := readings[1]
		require.NotEmpty(t, r.name)
		require.Less(t, len(r.name), len(arg))
		if r.to < 0 {
			require.Equal(t, reading{name: r.name, to: -1}, r)
		} else {
			require.True(t, 0 <= r.from && r.from <= r.to, "%+v", r)
		}
	})
}
