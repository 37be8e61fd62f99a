package auth

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Hashes that others made: vectors of the reference implementations of argon2 and bcrypt.
const (
	argon2Vector = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // "password"
	bcryptVector = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"                           // "U*U"
)

func TestHashPassword(t *testing.T) {
	first, err := HashPassword("geheim")
	require.NoError(t, err)
	second, err := HashPassword("geheim")
	require.NoError(t, err)
	require.NotEqual(t, first, second, "each has its own salt")
	require.True(t, strings.HasPrefix(first, "$argon2id$v=19$m=19456,t=2,p=1$"), first)
	require.NoError(t, Check(first))

	for password, want := range map[string]bool{"geheim": true, "Geheim": false, "geheim1": false, "": false} {
		ok, err := Verify(first, password)
		require.NoError(t, err)
		require.Equal(t, want, ok, "%q", password)
	}
	_, err = HashPassword("")
	require.Error(t, err)
}

func TestVerifyHashesOfOthers(t *testing.T) {
	for hash, password := range map[string]string{
		argon2Vector: "password",
		bcryptVector: "U*U",
		strings.Replace(bcryptVector, "a", "b", 1): "U*U",
		strings.Replace(bcryptVector, "a", "y", 1): "U*U",
	} {
		ok, err := Verify(hash, password)
		require.NoError(t, err, hash)
		require.True(t, ok, hash)
		ok, err = Verify(hash, password+"x")
		require.NoError(t, err, hash)
		require.False(t, ok, hash)
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	with := func(field, other string) string { return strings.Replace(argon2Vector, field, other, 1) }
	for hash, want := range map[string]string{
		"":                                      "not a hash that is known",
		"secret":                                "not a hash that is known",
		"$1$salt$md5":                           "not a hash that is known",
		with("argon2id", "argon2i"):             "want argon2id",
		with("argon2id", "argon2d"):             "want argon2id",
		with("v=19", "v=16"):                    "want v=19",
		with("v=19$", ""):                       "want $argon2id$",
		with("t=2", "t=0"):                      "t (passes) is 0",
		with("t=2", "t=11"):                     "t (passes) is 11",
		with("p=1", "p=0"):                      "p (lanes) is 0",
		with("p=1", "p=17"):                     "p (lanes) is 17",
		with("p=1", "p=257"):                    "p (lanes) is 257",
		with("m=65536", "m=7"):                  "m (KiB of memory) is 7",
		with("m=65536,t=2,p=1", "m=31,t=2,p=4"): "want 32 to 131072",
		with("m=65536", "m=131073"):             "m (KiB of memory) is 131073",
		with("m=65536", "m=4294967297"):         "want m=…,t=…,p=…",
		with("m=65536", "m=-1"):                 "want m=…,t=…,p=…",
		with("m=65536", "m=+8"):                 "want m=…,t=…,p=…",
		with("p=1", "p=1,x=1"):                  "want m=…,t=…,p=…",
		with("c29tZXNhbHQ", "c29tZXNhbA"):       "the salt has 7 bytes",
		with("c29tZXNhbHQ", "c29tZXNhbHQ="):     "the salt is not base64",
		with("CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFhFdXPJO1aFaMa"): "the hash has 12 bytes",
		argon2Vector + "$x":                            "want $argon2id$",
		bcryptVector[:59]:                              "bcrypt: want",
		bcryptVector + "x":                             "bcrypt: want",
		bcryptVector[:59] + "!":                        "bcrypt: want",
		strings.Replace(bcryptVector, "05", "15", 1):   `the cost is "15"`,
		strings.Replace(bcryptVector, "05", "03", 1):   `the cost is "03"`,
		strings.Replace(bcryptVector, "05", "x5", 1):   `the cost is "x5"`,
		strings.Replace(bcryptVector, "2a", "2x", 1):   "not a hash that is known",
		strings.Replace(bcryptVector, "05$", "055", 1): "bcrypt: want",
	} {
		err := Check(hash)
		require.ErrorContains(t, err, want, "%q", hash)
		_, verifyErr := Verify(hash, "secret")
		require.Equal(t, err, verifyErr)
	}
	require.NotContains(t, Check("my secret password").Error(), "secret", "what is no hash may be a password")
}

func TestCost(t *testing.T) {
	cost := func(hash string) string {
		c, err := Cost(hash)
		require.NoError(t, err)
		return c
	}
	other, err := HashPassword("x")
	require.NoError(t, err)
	another, err := HashPassword("y")
	require.NoError(t, err)
	require.Equal(t, cost(other), cost(another), "salt and password are no part of it")
	require.NotEqual(t, cost(other), cost(argon2Vector))
	require.Equal(t, "bcrypt 5", cost(bcryptVector))
	require.Equal(t, cost(bcryptVector), cost(strings.Replace(bcryptVector, "2a", "2y", 1)))
	_, err = Cost("secret")
	require.Error(t, err)
}
