// Package backendtest is the conformance suite of drivers: the contract of backends.Driver and
// of the portable Store over it, as tests. A driver passes it as it is, behind a key prefix,
// and with each of its optional abilities taken away.
package backendtest

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tidegate/tidegate/backends"
)

// Harness is one store, empty at first, for the length of one test.
type Harness struct {
	// Open opens the store as another process would. It is called several times, and each
	// driver is closed by the suite. What one has written the others see.
	Open func(t *testing.T) backends.Driver

	// Left returns all that the store holds: every key, and every unfinished upload (named in
	// any way that tells a reader which). It asks the store itself, not a Driver.
	Left func(t *testing.T) (keys, uploads []string)

	// OneName says that a name is either a file or a folder: "a" and "a/b" cannot both be held.
	OneName bool

	// FileHidesFolder says that a file "a" hides from listings what is below "a/" until it is
	// deleted, though all of it can be read by name: MinIO does this.
	FileHidesFolder bool

	// OneUpload says that of several uploads to one key one can be committed, and whatever is
	// written there ends them: Azure does this.
	OneUpload bool

	// UTF16Order says that characters beyond U+FFFF are listed before those from U+E000 on, as UTF-16
	// has them: Azurite does this.
	UTF16Order bool
}

// Run tests the driver and the Store over it. newHarness is called once for each case.
func Run(t *testing.T, newHarness func(t *testing.T) Harness) {
	t.Helper()
	as := func(d backends.Driver) backends.Driver { return d }
	below := func(d backends.Driver) backends.Driver { return Below(d, "tenants/100% of ü/") }
	h := newHarness(t)
	d := h.Open(t)
	caps, _ := d.Describe()
	require.NoError(t, d.Close())

	t.Run("Driver", func(t *testing.T) { runCases(t, newHarness, driverCases(), caps, as) })
	t.Run("DriverBelowPrefix", func(t *testing.T) { runCases(t, newHarness, driverCases(), caps, below) })
	t.Run("Store", func(t *testing.T) { runCases(t, newHarness, storeCases(), caps, as) })
	t.Run("StoreBelowPrefix", func(t *testing.T) { runCases(t, newHarness, storeCases(), caps, below) })
	var all backends.Caps
	for _, a := range Abilities() {
		all |= a.masks()
		if caps.Has(a.Cap) && len(a.touches) > 0 {
			t.Run("StoreWithout"+a.name, func(t *testing.T) {
				runCases(t, newHarness, a.touches, caps&^a.masks(), func(d backends.Driver) backends.Driver { return Without(d, a.masks()) })
			})
		}
	}
	t.Run("StoreWithoutAny", func(t *testing.T) {
		runCases(t, newHarness, storeCases(), caps&^all, func(d backends.Driver) backends.Driver { return Without(d, all) })
	})
}

// testCase is one point of the contract.
type testCase struct {
	name  string
	needs backends.Caps // only for stores that can do this
	run   func(t *testing.T, f *fixture)
}

func driverCases() []testCase {
	return slices.Concat(capabilityCases, keyCases, listCases, readCases, putCases, attributeCases, uploadCases, resumeCases, baseCases, copyCases, deleteCases)
}

func storeCases() []testCase {
	return slices.Concat(writeCases, continueCases, openCases, folderCases, renameCases)
}

func runCases(t *testing.T, newHarness func(t *testing.T) Harness, cases []testCase, caps backends.Caps, wrap func(backends.Driver) backends.Driver) {
	t.Helper()
	for _, c := range cases {
		if !caps.Has(c.needs) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			before := goleak.IgnoreCurrent()
			f := &fixture{Harness: h, wrap: wrap}
			f.reopen(t)
			c.run(t, f)
			f.tearDown(t)
			require.NoError(t, goleak.Find(before), "goroutines left")
		})
	}
}

// tearDown deletes every key through the driver, and then fails on all that is left.
func (f *fixture) tearDown(t *testing.T) {
	t.Helper()
	for _, s := range f.stores {
		require.NoError(t, s.Close())
	}
	for f.deleteListed(t) && f.FileHidesFolder {
		continue // what was hidden is listed now
	}
	keys, uploads := f.Left(t)
	require.Empty(t, keys, "keys left after the driver deleted all it lists")
	require.Empty(t, uploads, "unfinished uploads left")
	for _, d := range f.opened {
		require.NoError(t, d.Close())
	}
}

// deleteListed deletes every key that a listing shows, and reports whether there was one.
func (f *fixture) deleteListed(t *testing.T) bool {
	t.Helper()
	raw := f.opened[0]
	var files, markers []backends.Target
	for opts := (backends.ListOptions{Recursive: true}); ; {
		page, err := raw.ListPage(t.Context(), opts)
		require.NoError(t, err)
		for _, info := range page.Entries {
			if info.IsMarker() {
				markers = append(markers, backends.Target{Key: info.Key})
			} else {
				files = append(files, backends.Target{Key: info.Key})
			}
		}
		if opts.Token = page.Next; opts.Token == "" {
			break
		}
	}
	for batch := range slices.Chunk(files, f.limits.DeleteBatch) {
		require.NoError(t, raw.Delete(t.Context(), batch))
	}
	slices.SortFunc(markers, func(a, b backends.Target) int { return strings.Compare(b.Key, a.Key) }) // inner folders first
	for _, marker := range markers {
		require.NoError(t, raw.Delete(t.Context(), []backends.Target{marker}))
	}
	return len(files)+len(markers) > 0
}
