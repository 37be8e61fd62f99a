package backendtest

import (
	"slices"

	"github.com/tidegate/tidegate/backends"
)

// Ability is one that not every store has. The suite takes it away and looks at what the Store
// makes of what is left.
type Ability struct {
	Cap       backends.Caps
	Can       string // what a store with it can do, for people
	Otherwise string // what happens with a store that lacks it

	name    string
	touches []testCase // the cases of the Store that it makes a difference to
}

// masks returns what has to be taken away for a store to lack the ability. CapFolders is not:
// it is what a store is, not what it can do.
func (a Ability) masks() backends.Caps { return a.Cap &^ backends.CapFolders }

// Abilities returns all of them.
func Abilities() []Ability {
	return []Ability{
		{
			name: "ParallelParts", Cap: backends.CapParallelParts, touches: writeCases,
			Can:       "Parts of one upload are sent side by side",
			Otherwise: "one after the other",
		},
		{
			name: "Resume", Cap: backends.CapResume,
			Can:       "An unfinished upload can be found again by another process",
			Otherwise: "it is lost with its process",
		},
		{
			name: "Base", Cap: backends.CapBase, touches: continueCases,
			Can:       "`APPE`, and `STOR` after `REST`, keep the old bytes inside the store",
			Otherwise: "they are read and written again",
		},
		{
			name: "BasePart", Cap: backends.CapBasePart, touches: continueCases,
			Can:       "`STOR` after `REST` within a file keeps the bytes before inside the store",
			Otherwise: "they are read and written again; at the end of the file they are not",
		},
		{
			name: "Copy", Cap: backends.CapCopy, touches: slices.Concat(openCases, renameCases),
			Can:       "Objects are copied inside the store",
			Otherwise: "they are read and written again; `MFMT` is refused",
		},
		{
			name: "Move", Cap: backends.CapMove, touches: renameCases,
			Can:       "A file is renamed in one step",
			Otherwise: "it is copied and deleted",
		},
		{
			name: "Folders", Cap: backends.CapFolders | backends.CapMove,
			Can:       "A folder is renamed in one step",
			Otherwise: "object by object, and a rename that broke off is continued by repeating it",
		},
		{
			name: "IfAbsent", Cap: backends.CapIfAbsent, touches: slices.Concat(writeCases, continueCases, folderCases, renameCases),
			Can:       "A write that must not replace anything is held to that by the store",
			Otherwise: "the store is asked a moment before",
		},
		{
			name: "IfVersion", Cap: backends.CapIfVersion, touches: slices.Concat(continueCases, renameCases),
			Can:       "A write or deletion that means one version is held to it by the store",
			Otherwise: "the store is asked a moment before",
		},
		{
			name: "TellsAbsent", Cap: backends.CapTellsAbsent, touches: slices.Concat(openCases, folderCases, renameCases),
			Can:       "`DELE` is one request",
			Otherwise: "two: the store says nothing of what was not there",
		},
		{
			name: "Metadata", Cap: backends.CapMetadata, touches: writeCases,
			Can:       "Who sent a file is kept with it",
			Otherwise: "only the log tells",
		},
		{
			name: "CommitMetadata", Cap: backends.CapCommitMetadata, touches: writeCases,
			Can:       "The SHA-256 of a large file is kept with it at no further request",
			Otherwise: "by one more copy of the object onto itself",
		},
		{
			name: "Tags", Cap: backends.CapTags, touches: writeCases,
			Can:       "Tags",
			Otherwise: "`tags` is refused at start",
		},
		{
			name: "StorageClass", Cap: backends.CapStorageClass, touches: writeCases,
			Can:       "Storage classes",
			Otherwise: "`storage_class` is refused at start",
		},
	}
}
