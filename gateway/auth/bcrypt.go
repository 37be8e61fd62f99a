package auth

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

const (
	bcryptLen = 60 // "$2b$12$", 22 characters of salt and 31 of hash

	// maxBcryptCost takes about a second; each step more doubles it.
	maxBcryptCost = 14

	bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

type bcryptHash struct {
	hash  string
	power int // of two: the rounds
}

// isBcrypt leaves out $2x$, which stands for the hashes of a broken implementation.
func isBcrypt(hash string) bool {
	return strings.HasPrefix(hash, "$2a$") || strings.HasPrefix(hash, "$2b$") || strings.HasPrefix(hash, "$2y$")
}

func parseBcrypt(hash string) (bcryptHash, error) {
	if len(hash) != bcryptLen || hash[6] != '$' || strings.Trim(hash[7:], bcryptAlphabet) != "" {
		return bcryptHash{}, errors.New("bcrypt: want $2b$, two digits, $, and 53 characters of ./A-Za-z0-9")
	}
	power, err := bcrypt.Cost([]byte(hash))
	if err != nil || power > maxBcryptCost {
		return bcryptHash{}, fmt.Errorf("bcrypt: the cost is %q: want %02d to %d", hash[4:6], bcrypt.MinCost, maxBcryptCost)
	}
	return bcryptHash{hash: hash, power: power}, nil
}

func (h bcryptHash) verify(password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(h.hash), []byte(password)) == nil
}

func (h bcryptHash) cost() string { return fmt.Sprintf("bcrypt %d", h.power) }
