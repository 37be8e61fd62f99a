// Package layers holds the arrows between the packages, as CONTRIBUTING.md draws them.
package layers

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const modulePath = "github.com/tidegate/tidegate/"

// layers says what each top-level package, its own folders included, may import of the others.
// A folder that is not a key here may not hold Go code.
var layers = map[string]struct {
	code  []string // the packages that its code may import, "x/..." with all below it
	tests []string // what its tests may import beyond that
}{
	"cmd":      {code: []string{"config", "gateway/...", "backends/...", "ftpproto"}},
	"config":   {},
	"ftpproto": {code: []string{"ftpproto/..."}},
	"gateway": {
		code:  []string{"gateway/...", "ftpproto", "backends"},
		tests: []string{"backends/...", "ftpproto/...", "integration/minio"},
	},
	"backends": {
		code:  []string{"backends/..."},
		tests: []string{"integration/minio", "integration/fakegcs", "integration/azurite"},
	},
	// It drives the binary from outside, and looks at stores by their own interfaces.
	"integration": {tests: []string{"integration/...", "backends/...", "ftpproto/..."}, code: []string{"integration/..."}},
}

// libraries says which library belongs to one folder alone; no other code knows it is used.
var libraries = map[string]string{
	"github.com/spf13/viper":            "config",
	"go.yaml.in/yaml/v3":                "config",
	"github.com/spf13/cobra":            "cmd",
	"github.com/aws/aws-sdk-go-v2":      "backends/s3store",
	"github.com/aws/smithy-go":          "backends/s3store",
	"cloud.google.com/go":               "backends/gcsstore",
	"google.golang.org/api":             "backends/gcsstore",
	"github.com/Azure/azure-sdk-for-go": "backends/azstore",
	"golang.org/x/crypto":               "gateway/auth",
	"github.com/dustin/go-humanize":     "config",
	"github.com/go-viper/mapstructure":  "config",
}

// TestLayers reads the imports of every Go file of the repository, whatever system it is for.
func TestLayers(t *testing.T) {
	root := filepath.Join("..", "..")
	files := 0
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && name != root && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(name) != ".go" {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files++
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkImport(t, filepath.ToSlash(relative), imported)
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, files, 20, "the walk did not see the repository")
}

func checkImport(t *testing.T, file, imported string) {
	t.Helper()
	folder := path.Dir(file)
	top, _, _ := strings.Cut(file, "/")
	isTest := strings.HasSuffix(file, "_test.go")
	layer, known := layers[top]
	if !known {
		t.Errorf("%s: %s holds no Go code", file, top)
		return
	}

	if inner, ok := strings.CutPrefix(imported, modulePath); ok {
		allowed := layer.code
		if isTest {
			allowed = append(slices.Clone(allowed), layer.tests...)
			allowed = append(allowed, folder) // the package under test
		}
		if !slices.ContainsFunc(allowed, func(pattern string) bool { return matches(inner, pattern) }) {
			t.Errorf("%s imports %s, %s may import %v of this module", file, inner, top, allowed)
		}
		if file == path.Join("backends", path.Base(file)) && !isTest {
			t.Errorf("%s imports %s: drivers know backends, not the other way round", file, inner)
		}
		return
	}

	if isTest {
		return
	}
	for library, owner := range libraries {
		if matches(imported, library+"/...") && !matches(folder, owner+"/...") && top != "integration" {
			t.Errorf("%s imports %s, which only %s does", file, imported, owner)
		}
	}
	if top == "ftpproto" && strings.Contains(strings.Split(imported, "/")[0], ".") {
		t.Errorf("%s imports %s, ftpproto needs the standard library only", file, imported)
	}
}

// matches reports whether a path is the pattern's, or lies below it if it ends in "/...".
func matches(imported, pattern string) bool {
	above, below := strings.CutSuffix(pattern, "/...")
	return imported == above || below && strings.HasPrefix(imported, above+"/")
}
