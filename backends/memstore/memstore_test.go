package memstore_test

import (
	"testing"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
	"github.com/tidegate/tidegate/backends/memstore"
)

func TestConformance(t *testing.T) {
	for name, opts := range map[string]memstore.Options{
		"Objects":     {},
		"Folders":     {Folders: true},
		"Bare":        {Without: ^backends.Caps(0)},
		"LargeParts":  {Limits: func(l *backends.Limits) { l.MinPart, l.MinBase = 4096, 4096 }},
		"NoChecksum":  {Limits: func(l *backends.Limits) { l.Checksum = backends.NoChecksum }},
		"OneByOne":    {Limits: func(l *backends.Limits) { l.DeleteBatch = 1 }},
		"NoFolderCap": {Folders: true, Without: backends.CapMove | backends.CapCopy},
	} {
		t.Run(name, func(t *testing.T) {
			backendtest.Run(t, func(*testing.T) backendtest.Harness {
				store := memstore.New(opts)
				return backendtest.Harness{
					Open:    func(*testing.T) backends.Driver { return store.Reopen() },
					Left:    func(*testing.T) (keys, uploads []string) { return store.Left() },
					OneName: opts.Folders,
				}
			})
		})
	}
}
