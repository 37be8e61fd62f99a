package gateway

import (
	"fmt"
	"strings"

	"github.com/tidegate/tidegate/ftpproto"
)

// Permissions is the set of what a user may do below a mount.
type Permissions uint16

// The permissions. What is in none of them, entering a folder, everybody may.
const (
	MayList      Permissions = 1 << iota // list folders
	MayRead                              // download files
	MayWrite                             // upload new files, with the folders above them; set their times
	MayOverwrite                         // upload files whether they are there or not; replace one by a rename
	MayAppend                            // add to files by APPE, and begin them
	MayDelete                            // delete files
	MayRename                            // rename files and folders
	MayMkdir                             // make folders
	MayRmdir                             // remove empty folders

	MayAll = MayList | MayRead | MayWrite | MayOverwrite | MayAppend | MayDelete | MayRename | MayMkdir | MayRmdir
)

// mayCreate is any right to upload to a name that is free.
const mayCreate = MayWrite | MayOverwrite

// mayKnow is any right that tells whether a file is there. Without one, as in a letter box, a
// user learns it of no name.
const mayKnow = MayAll &^ (MayWrite | MayMkdir | MayRmdir)

var permissionNames = []struct {
	name string
	set  Permissions
}{
	{"list", MayList}, {"read", MayRead}, {"write", MayWrite}, {"overwrite", MayOverwrite}, {"append", MayAppend},
	{"delete", MayDelete}, {"rename", MayRename}, {"mkdir", MayMkdir}, {"rmdir", MayRmdir}, {"all", MayAll},
}

// ParsePermission returns the permission that name stands for in a configuration: list, read,
// write, overwrite, append, delete, rename, mkdir, rmdir, or all of them for "all".
func ParsePermission(name string) (Permissions, error) {
	names := make([]string, 0, len(permissionNames))
	for _, p := range permissionNames {
		if p.name == name {
			return p.set, nil
		}
		names = append(names, p.name)
	}
	return 0, fmt.Errorf("%q is no permission: want one of %s", name, strings.Join(names, ", "))
}

// some reports whether any of want is in p.
func (p Permissions) some(want Permissions) bool { return p&want != 0 }

// ofFile returns what p allows with a file, in the words of MLST.
func (p Permissions) ofFile() ftpproto.Perm {
	return p.translate([]translation{
		{MayRead, ftpproto.PermRead},
		{MayOverwrite, ftpproto.PermWrite},
		{MayAppend, ftpproto.PermAppend},
		{MayDelete, ftpproto.PermDelete},
		{MayRename, ftpproto.PermRename},
	})
}

// ofFolder returns what p allows with a folder; a fixed one can be neither renamed nor removed.
func (p Permissions) ofFolder(fixed bool) ftpproto.Perm {
	perm := ftpproto.PermEnter | p.translate([]translation{
		{MayList, ftpproto.PermList},
		{mayCreate | MayAppend, ftpproto.PermCreate},
		{MayMkdir, ftpproto.PermMkdir},
		{MayDelete | MayRmdir, ftpproto.PermPurge},
		{MayRmdir, ftpproto.PermDelete},
		{MayRename, ftpproto.PermRename},
	})
	if fixed {
		perm &^= ftpproto.PermDelete | ftpproto.PermRename
	}
	return perm
}

// translation says which operation any of some permissions allows.
type translation struct {
	any  Permissions
	perm ftpproto.Perm
}

func (p Permissions) translate(table []translation) ftpproto.Perm {
	var perm ftpproto.Perm
	for _, t := range table {
		if p.some(t.any) {
			perm |= t.perm
		}
	}
	return perm
}
