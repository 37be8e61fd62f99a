package gateway

import "sync"

// maxEmptied bounds what is remembered of emptied folders, for clients that remove trees.
const maxEmptied = 1024

// emptiedFolders are the folders that a user has taken something out of. On an object store a
// folder without a marker goes with its last file: to remove it then, as every client does that
// removes a tree, is no mistake.
type emptiedFolders struct {
	mu    sync.Mutex
	names map[string]struct{}
}

func (e *emptiedFolders) add(name string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.names == nil || len(e.names) == maxEmptied {
		e.names = make(map[string]struct{})
	}
	e.names[name] = struct{}{}
}

func (e *emptiedFolders) has(name string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	_, ok := e.names[name]
	return ok
}
