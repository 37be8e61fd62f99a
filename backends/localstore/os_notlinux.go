//go:build !linux

package localstore

import (
	"errors"
	"os"
)

// renameNoReplace gives from the name to if nothing has it.
func renameNoReplace(root *os.Root, from, to string) error { return linkNoReplace(root, from, to) }

// takesAttributes reports false: metadata is kept on Linux only.
func takesAttributes(*os.File) bool { return false }

func setAttribute(*os.File, string, string) error { return errors.ErrUnsupported }

func attributes(*os.File, string) (map[string]string, error) { return nil, nil }

// startWriteback leaves it to the system when to write.
func startWriteback(*os.File, int64, int64) {}
