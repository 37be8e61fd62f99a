package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/azstore"
	"github.com/tidegate/tidegate/backends/backendtest"
	"github.com/tidegate/tidegate/backends/gcsstore"
	"github.com/tidegate/tidegate/backends/localstore"
	"github.com/tidegate/tidegate/backends/s3store"
)

const (
	tableBegin = "<!-- The tables are written by \"make docs\" from what the drivers declare and the suite tests. -->\n"
	tableEnd   = "<!-- End of the tables. -->\n"
)

// TestCapabilityTable holds the tables in docs/STORES.md to what the drivers declare. The
// conformance suite sees to it that they declare what is true: an ability that a driver has not
// declared is refused, and one that it has is tested.
func TestCapabilityTable(t *testing.T) {
	columns := allDrivers(t)
	var tables strings.Builder
	abilityTable(&tables, columns)
	limitTable(&tables, columns)

	file := filepath.Join("..", "docs", "STORES.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), tableBegin)
	require.True(t, ok, "%s has no tables", file)
	_, after, ok := strings.Cut(rest, tableEnd)
	require.True(t, ok, "%s has no end of the tables", file)
	want := before + tableBegin + tables.String() + tableEnd + after
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
		return
	}
	require.Equal(t, want, string(text), "%s is stale, \"make docs\" writes it anew", file)
}

// column is one kind of store.
type column struct {
	name   string
	caps   backends.Caps
	limits backends.Limits
}

// allDrivers opens one driver of each kind; none of them makes a request.
func allDrivers(t *testing.T) []column {
	t.Helper()
	var columns []column
	add := func(name string, d backends.Driver, err error) {
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, d.Close()) })
		caps, limits := d.Describe()
		columns = append(columns, column{name, caps, limits})
	}
	s3 := func(bucket, endpoint string) (backends.Driver, error) {
		return s3store.New(t.Context(), s3store.Options{Bucket: bucket, Endpoint: endpoint, Region: "eu-central-1", AccessKey: "a", SecretKey: "s"})
	}
	d, err := s3("bucket", "")
	add("Amazon S3", d, err)
	d, err = s3("bucket--euc1-az1--x-s3", "")
	add("S3 directory bucket", d, err)
	d, err = s3("bucket", "http://127.0.0.1:9000")
	add("MinIO and others", d, err)
	gcs, err := gcsstore.New(t.Context(), gcsstore.Options{Bucket: "bucket", CredentialsJSON: serviceAccount})
	add("Google Cloud Storage", gcs, err)
	for _, hierarchical := range []bool{false, true} {
		name := map[bool]string{false: "Azure Blob", true: "Azure, hierarchical"}[hierarchical]
		az, err := azstore.New(azstore.Options{Container: "container", Account: "account", AccountKey: "a2V5", Hierarchical: hierarchical})
		add(name, az, err)
	}
	local, err := localstore.New(localstore.Options{Path: t.TempDir()})
	add("Local disk", local, err)
	return columns
}

// serviceAccount is what Google's console gives for a key, without a key that anybody takes.
const serviceAccount = `{"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "token"}`

func abilityTable(w *strings.Builder, columns []column) {
	header(w, "What the store does itself", columns, "Without it")
	for _, a := range backendtest.Abilities() {
		fmt.Fprintf(w, "| %s |", a.Can)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", map[bool]string{true: "✓", false: "–"}[c.caps.Has(a.Cap)])
		}
		fmt.Fprintf(w, " %s |\n", a.Otherwise)
	}
	w.WriteString("\n")
}

func limitTable(w *strings.Builder, columns []column) {
	header(w, "Limit", columns)
	bytes := func(n int64) string { return strings.Replace(humanize.IBytes(uint64(n)), ".0 ", " ", 1) }
	for _, row := range []struct {
		name string
		of   func(l backends.Limits) string
	}{
		{"Largest object", func(l backends.Limits) string { return bytes(min(l.MaxObject, l.MaxPart*int64(l.MaxParts))) }},
		{"Parts of an upload", func(l backends.Limits) string { return humanize.Comma(int64(l.MaxParts)) }},
		{"Least part but the last", func(l backends.Limits) string { return bytes(l.MinPart) }},
		{"Longest key, bytes", func(l backends.Limits) string { return humanize.Comma(int64(l.MaxKey)) }},
		{"Sum the store verifies", func(l backends.Limits) string { return sumNames[l.Checksum] }},
	} {
		fmt.Fprintf(w, "| %s |", row.name)
		for _, c := range columns {
			fmt.Fprintf(w, " %s |", row.of(c.limits))
		}
		w.WriteString("\n")
	}
	w.WriteString("\n")
}

var sumNames = map[backends.Checksum]string{backends.NoChecksum: "–", backends.CRC64NVME: "CRC64NVME", backends.CRC32C: "CRC32C"}

func header(w *strings.Builder, first string, columns []column, last ...string) {
	fmt.Fprintf(w, "| %s |", first)
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", c.name)
	}
	for _, name := range last {
		fmt.Fprintf(w, " %s |", name)
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat("---|", 1+len(columns)+len(last)))
}
