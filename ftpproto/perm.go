package ftpproto

// Perm is the set of operations a user may do with an entry: the "perm" fact of RFC 3659 §7.5.5.
type Perm uint16

// The operations, each named by its letter in the RFC.
const (
	PermAppend Perm = 1 << iota // a: APPE to the file
	PermCreate                  // c: STOR, APPE, STOU in the folder
	PermDelete                  // d: DELE or RMD
	PermEnter                   // e: CWD
	PermRename                  // f: RNFR
	PermList                    // l: LIST, NLST, MLSD
	PermMkdir                   // m: MKD in the folder
	PermPurge                   // p: RMD or DELE of what the folder holds
	PermRead                    // r: RETR
	PermWrite                   // w: STOR over the file
)

const permLetters = "acdeflmprw"

// String returns the letters in alphabetical order.
func (p Perm) String() string {
	letters := make([]byte, 0, len(permLetters))
	for i := range len(permLetters) {
		if p&(1<<i) != 0 {
			letters = append(letters, permLetters[i])
		}
	}
	return string(letters)
}
