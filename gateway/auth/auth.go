// Package auth hashes passwords and verifies them.
//
// Hashes are PHC strings of argon2id, and bcrypt's of the kinds $2a$, $2b$ and $2y$. Their
// parameters are bounded, so that no hash in a configuration can make a login cost a minute or
// a gigabyte.
package auth

import (
	"errors"
	"strings"
)

// errKind is all that may be said of a hash that is of no known kind: it could be a password.
var errKind = errors.New(`not a hash that is known: want "$argon2id$…" or bcrypt's "$2b$…", as "tidegate passwd" prints`)

// scheme is one kind of hash, parsed and within bounds.
type scheme interface {
	verify(password string) bool
	cost() string
}

func parse(hash string) (scheme, error) {
	switch {
	case strings.HasPrefix(hash, argon2Prefix):
		return parseArgon2(hash)
	case isBcrypt(hash):
		return parseBcrypt(hash)
	case strings.HasPrefix(hash, "$argon2"):
		return nil, errors.New("argon2i and argon2d are not accepted: want argon2id")
	}
	return nil, errKind
}

// Check reports what is wrong with hash: Verify of it will fail if and only if Check does.
func Check(hash string) error {
	_, err := parse(hash)
	return err
}

// Verify reports whether hash is that of password. It takes the memory and the time that the
// hash's parameters ask for, whatever the password is; callers bound how many run at once.
func Verify(hash, password string) (bool, error) {
	s, err := parse(hash)
	if err != nil {
		return false, err
	}
	return s.verify(password), nil
}

// Cost names what verifying a password against hash costs: hashes of one Cost take the same time.
func Cost(hash string) (string, error) {
	s, err := parse(hash)
	if err != nil {
		return "", err
	}
	return s.cost(), nil
}
