package config

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the reference of docs/CONFIGURATION.md anew")

const (
	referenceBegin = "<!-- The reference is written by \"make docs\" from config/config.go. -->\n"
	referenceEnd   = "<!-- End of the reference. -->\n"
)

// TestReference holds the reference in docs/CONFIGURATION.md to the schema.
func TestReference(t *testing.T) {
	file := filepath.Join("..", "docs", "CONFIGURATION.md")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(text), referenceBegin)
	require.True(t, ok, "%s has no reference", file)
	_, after, ok := strings.Cut(rest, referenceEnd)
	require.True(t, ok, "%s has no end of the reference", file)

	r := reference{comments: fieldComments(t)}
	r.section("", prefix, "", reflect.TypeFor[Config]())
	want := before + referenceBegin + r.String() + "\n" + referenceEnd + after
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(want), 0o600))
		return
	}
	if want != string(text) {
		t.Fatalf("%s is stale, \"make docs\" writes it anew", file)
	}
}

// reference writes one table for each section of the schema.
type reference struct {
	strings.Builder
	comments map[string]string // "Listener.Address" to its text
}

func (r *reference) section(path, variable, about string, section reflect.Type) {
	heading := "Top level"
	if path != "" {
		heading = "`" + path + "`"
	}
	fmt.Fprintf(r, "\n### %s\n", heading)
	if about != "" {
		fmt.Fprintf(r, "\n%s\n", about)
	}
	var inner []field
	header := false
	for _, f := range fieldsOf(section) {
		if f.isSection() || f.isList() {
			inner = append(inner, f)
			continue
		}
		if !header {
			fmt.Fprint(r, "\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n")
			header = true
		}
		meaning := r.comments[section.Name()+"."+section.Field(f.index).Name]
		if f.isSecret() {
			meaning += " `" + f.key + fileSuffix + "` names a file that holds it."
		}
		meaning += typesOf(f)
		fmt.Fprintf(r, "| `%s`<br>`%s%s` | %s | %s | %s |\n",
			f.key, variable, variableName(f.key), valueOf(f), defaultOf(f), meaning)
	}
	for _, f := range inner {
		about := r.comments[section.Name()+"."+section.Field(f.index).Name] + typesOf(f)
		if f.isList() {
			r.section(join(path, f.key)+"[]", variable+variableName(f.key)+"_0_", about+" It is a list.", f.typ.Elem())
		} else {
			r.section(join(path, f.key), variable+variableName(f.key)+"_", about, f.typ)
		}
	}
}

// typesOf says which types of store have the key.
func typesOf(f field) string {
	if len(f.only) == 0 {
		return ""
	}
	return " Only for " + strings.Join(f.only, ", ") + "."
}

func valueOf(f field) string {
	switch {
	case f.isWords():
		return "list of `" + strings.Join(f.oneOf, "`, `") + "`"
	case len(f.oneOf) > 0:
		return "`" + strings.Join(f.oneOf, "`, `") + "`"
	}
	switch f.typ {
	case reflect.TypeFor[bool]():
		return "`true`, `false`"
	case reflect.TypeFor[int](), reflect.TypeFor[time.Duration](), reflect.TypeFor[Size]():
		return f.min + " to " + f.max
	case reflect.TypeFor[netip.Addr]():
		return "IPv4 address"
	case reflect.TypeFor[Address]():
		return "host:port"
	case reflect.TypeFor[PortRange]():
		return "30000-30099"
	case reflect.TypeFor[Endpoint]():
		return "URL"
	case reflect.TypeFor[Secret]():
		return "secret"
	}
	return "text"
}

func defaultOf(f field) string {
	switch {
	case f.required:
		return "required"
	case f.def == "":
		return ""
	}
	return "`" + f.def + "`"
}

// fieldComments reads the comments of the schema's fields, each as one line.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	require.NoError(t, err)
	comments := map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if fields, ok := spec.Type.(*ast.StructType); ok {
			for _, f := range fields.Fields.List {
				text := strings.Join(strings.Fields(f.Doc.Text()), " ")
				require.NotEmpty(t, text, "%s.%s has no comment", spec.Name, f.Names[0])
				comments[spec.Name.Name+"."+f.Names[0].Name] = text
			}
		}
		return true
	})
	return comments
}

// TestExamples loads every file that the document shows, its secrets from files that are there. An
// example of stores alone is made whole.
func TestExamples(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "CONFIGURATION.md"))
	require.NoError(t, err)
	secrets := t.TempDir()
	for name, secret := range map[string]string{
		"s3_access_key": "key", "s3_secret_key": "secret", "gcs.json": `{"type": "service_account"}`, "camera": "$argon2id$",
		"azure_key": "c2VjcmV0", "azure_sas": "sv=2026-01-01&sig=x", "azure_connection": "AccountName=acct;AccountKey=c2VjcmV0",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(secrets, name), []byte(secret), 0o600))
	}
	blocks := strings.Split(string(text), "```yaml\n")[1:]
	require.NotEmpty(t, blocks)
	for i, block := range blocks {
		example, _, ok := strings.Cut(block, "```")
		require.True(t, ok)
		example = strings.ReplaceAll(example, "/run/secrets/", secrets+"/")
		if !strings.Contains(example, "listeners:") {
			example += "listeners: [{ address: \":2121\" }]\n"
		}
		if !strings.Contains(example, "users:") {
			store, _, _ := strings.Cut(strings.Split(example, "name: ")[1], ",")
			store, _, _ = strings.Cut(store, "\n")
			example += "users: [{ name: ann, password: pw, mounts: [{ path: /, store: " + store + ", permissions: [all] }] }]\n"
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "example.yaml")
			require.NoError(t, os.WriteFile(file, []byte(example), 0o600))
			_, err := Load(file, nil)
			require.NoError(t, err)
		})
	}
}

// TestComposeFile loads what docker-compose.yml mounts.
func TestComposeFile(t *testing.T) {
	_, err := Load(filepath.Join("..", "deploy", "compose", "tidegate.yaml"), nil)
	require.NoError(t, err)
}
