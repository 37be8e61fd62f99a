package localstore

import "os"

const openNonblock = 0 // there are no pipes in a directory

func openDir(root *os.Root, local string) (*os.File, error) { return root.Open(local) }

// syncDir does nothing: NTFS journals names by itself and cannot be asked to.
func syncDir(*os.File) error { return nil }

// lockFile does nothing: that an upload is not resumed by two processes at once is left to them.
func lockFile(*os.File) error { return nil }

func unlockFile(*os.File) {}
