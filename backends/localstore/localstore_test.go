package localstore

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tidegate/tidegate/backends"
	"github.com/tidegate/tidegate/backends/backendtest"
)

func TestConformance(t *testing.T) {
	backendtest.Run(t, func(t *testing.T) backendtest.Harness {
		t.Helper()
		dir := t.TempDir()
		return backendtest.Harness{
			Open: func(t *testing.T) backends.Driver {
				t.Helper()
				d, err := New(Options{Path: dir})
				require.NoError(t, err)
				return d
			},
			Left: func(t *testing.T) (keys, uploads []string) {
				t.Helper()
				return left(t, dir)
			},
			OneName: true,
		}
	})
}

// left returns what is in dir, seen from outside.
func left(t *testing.T, dir string) (keys, uploads []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		require.NoError(t, err)
		key, err := filepath.Rel(dir, path)
		require.NoError(t, err)
		if e.IsDir() {
			key += "/"
		}
		switch {
		case key == "./" || private(key) && e.IsDir():
		case private(key):
			uploads = append(uploads, strings.TrimPrefix(key, uploadsDir+"/"))
		default:
			keys = append(keys, key)
		}
		return nil
	})
	require.NoError(t, err)
	return keys, uploads
}

// newDriver returns a driver on a new directory, and that directory.
func newDriver(t *testing.T) (*Driver, string) {
	t.Helper()
	dir := t.TempDir()
	d, err := New(Options{Path: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d, dir
}

func body(data string) backends.Body {
	return backends.Body{ReadSeeker: strings.NewReader(data), Size: int64(len(data))}
}

func put(t *testing.T, d *Driver, key, data string) backends.Info {
	t.Helper()
	info, err := d.Put(t.Context(), key, body(data), backends.WriteOptions{})
	require.NoError(t, err)
	return info
}

func read(t *testing.T, d *Driver, key string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(d.path, key))
	require.NoError(t, err)
	return string(data)
}

func list(t *testing.T, d *Driver, opts backends.ListOptions) []string {
	t.Helper()
	var keys []string
	for {
		page, err := d.ListPage(t.Context(), opts)
		require.NoError(t, err)
		for _, info := range page.Entries {
			keys = append(keys, info.Key)
		}
		if opts.Token = page.Next; opts.Token == "" {
			return keys
		}
	}
}
