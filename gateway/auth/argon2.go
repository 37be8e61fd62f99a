package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

const argon2Prefix = "$argon2id$"

// What HashPassword uses: OWASP's choice for interactive logins, about 30 ms of one core.
const (
	defaultMemory  = 19 * 1024 // KiB
	defaultTime    = 2
	defaultThreads = 1
	saltBytes      = 16
	tagBytes       = 32
)

// What Verify accepts. RFC 9106's second recommendation (64 MiB, 3 passes, 4 lanes) lies within;
// its first takes 2 GiB for every login.
const (
	maxMemory   = 128 * 1024 // KiB
	maxTime     = 10
	maxThreads  = 16
	minSaltSize = 8 // bytes, RFC 9106 §3.1
	minTagSize  = 16
	maxFieldLen = 64 // bytes of salt or tag
)

// encoding is that of the PHC string format.
var encoding = base64.RawStdEncoding.Strict()

type argon2id struct {
	memory    uint32 // KiB
	time      uint32
	threads   uint8
	salt, tag []byte
}

// HashPassword returns the argon2id hash of password with a new salt, as a PHC string.
func HashPassword(password string) (string, error) {
	if password == "" {
		return "", errors.New("the password is empty")
	}
	h := argon2id{memory: defaultMemory, time: defaultTime, threads: defaultThreads, salt: make([]byte, saltBytes)}
	_, _ = rand.Read(h.salt) // never fails
	h.tag = h.key(password, tagBytes)
	return h.cost() + "$" + encoding.EncodeToString(h.salt) + "$" + encoding.EncodeToString(h.tag), nil
}

func (h argon2id) key(password string, size int) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, uint32(size))
}

func (h argon2id) verify(password string) bool {
	return subtle.ConstantTimeCompare(h.key(password, len(h.tag)), h.tag) == 1
}

func (h argon2id) cost() string {
	return fmt.Sprintf("%sv=%d$m=%d,t=%d,p=%d", argon2Prefix, argon2.Version, h.memory, h.time, h.threads)
}

func parseArgon2(hash string) (argon2id, error) {
	fields := strings.Split(strings.TrimPrefix(hash, argon2Prefix), "$")
	if len(fields) != 4 {
		return argon2id{}, errors.New("argon2id: want $argon2id$v=19$m=…,t=…,p=…$salt$hash")
	}
	if want := fmt.Sprintf("v=%d", argon2.Version); fields[0] != want {
		return argon2id{}, fmt.Errorf("argon2id: version %q is not accepted: want %s", fields[0], want)
	}
	var memory, passes, threads uint32
	_, err := fmt.Sscanf(fields[1], "m=%d,t=%d,p=%d", &memory, &passes, &threads)
	// Printed again it must be the same: Sscanf overlooks what follows, and signs.
	if err != nil || fields[1] != fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, threads) {
		return argon2id{}, fmt.Errorf("argon2id: parameters %q: want m=…,t=…,p=…", fields[1])
	}
	for _, p := range []struct {
		name            string
		value, min, max uint32
	}{
		{"p (lanes)", threads, 1, maxThreads},
		{"t (passes)", passes, 1, maxTime},
		{"m (KiB of memory)", memory, 8 * min(threads, maxThreads), maxMemory}, // eight blocks a lane, RFC 9106 §3.1
	} {
		if p.value < p.min || p.value > p.max {
			return argon2id{}, fmt.Errorf("argon2id: %s is %d: want %d to %d", p.name, p.value, p.min, p.max)
		}
	}
	salt, err := decodeField("salt", fields[2], minSaltSize)
	if err != nil {
		return argon2id{}, err
	}
	tag, err := decodeField("hash", fields[3], minTagSize)
	if err != nil {
		return argon2id{}, err
	}
	return argon2id{memory: memory, time: passes, threads: uint8(threads), salt: salt, tag: tag}, nil
}

func decodeField(name, field string, least int) ([]byte, error) {
	b, err := encoding.DecodeString(field)
	if err != nil {
		return nil, fmt.Errorf("argon2id: the %s is not base64 without padding", name)
	}
	if len(b) < least || len(b) > maxFieldLen {
		return nil, fmt.Errorf("argon2id: the %s has %d bytes: want %d to %d", name, len(b), least, maxFieldLen)
	}
	return b, nil
}
