package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxSecretFile bounds a file that holds one secret, in bytes: the longest session token is a
// few KiB, and a wrong path must not read a disk into memory.
const maxSecretFile = 64 << 10

// decoder fills a Config from a tree of sections and texts, and goes on after a problem so that
// all of them are told at once.
type decoder struct{ *problems }

// section fills the struct v.
func (d decoder) section(v reflect.Value, path string, tree any) {
	keys := keysOf(v.Type())
	in, ok := tree.(map[string]any)
	if !ok && tree != nil || isList(in) {
		d.add(path, "got %s, expected the keys %s", describe(tree), strings.Join(keys, ", "))
		return
	}
	d.unknownKeys(path, in, keys)
	for _, f := range fieldsOf(v.Type()) {
		target, at, value := v.Field(f.index), join(path, f.key), in[f.key]
		switch {
		case !f.belongsTo(in["type"]):
			d.misplaced(f, path, in)
		case f.isSection():
			d.section(target, at, value)
		case f.isList():
			d.list(target, at, value)
		case f.isSecret():
			d.secret(target, f, at, value, in[f.key+fileSuffix])
		default:
			d.leaf(target, f, at, value)
		}
	}
}

func (d decoder) unknownKeys(path string, in map[string]any, keys []string) {
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if slices.Contains(keys, key) {
			continue
		}
		if meant := nearest(key, keys); meant != "" {
			d.add(join(path, key), "no such key, did you mean %s?", meant)
		} else {
			d.add(join(path, key), "no such key, expected one of %s", strings.Join(keys, ", "))
		}
	}
}

// belongsTo reports whether a store of this type has the key.
func (f field) belongsTo(storeType any) bool {
	text, _ := storeType.(string)
	return len(f.only) == 0 || slices.Contains(f.only, text)
}

// misplaced refuses a key that belongs to another type of store.
func (d decoder) misplaced(f field, path string, in map[string]any) {
	for _, key := range []string{f.key, f.key + fileSuffix} {
		if isGiven(in[key]) && !d.has(join(path, "type")) {
			d.add(join(path, key), "expected only in a store of type %s", strings.Join(f.only, ", "))
		}
	}
}

// list fills a slice of structs.
func (d decoder) list(v reflect.Value, path string, tree any) {
	if tree == nil {
		return
	}
	in, _ := tree.(map[string]any)
	if !isList(in) {
		d.add(path, "got %s, expected a list", describe(tree))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(in), len(in)))
	for i := range len(in) {
		at := join(path, elementKey(i))
		element, given := in[elementKey(i)]
		if !given {
			// The environment named an element behind the end.
			d.add(at, "missing, the numbers of list elements run from 0 without a gap")
			return
		}
		d.section(v.Index(i), at, element)
	}
}

// secret takes the text of the key itself or that of the file named by its twin.
func (d decoder) secret(v reflect.Value, f field, path string, value, file any) {
	if isGiven(value) && isGiven(file) {
		d.add(path, "given together with %s, expected one of them", f.key+fileSuffix)
		return
	}
	if !isGiven(file) {
		d.leaf(v, f, path, value)
		return
	}
	name, ok := file.(string)
	if !ok {
		d.add(path+fileSuffix, "got %s, expected the name of a file", describe(file))
		return
	}
	text, err := readSecret(name)
	if err != nil {
		d.add(path+fileSuffix, "%v", err)
		return
	}
	v.SetString(text)
}

// isGiven reports whether a key has a value; an empty one counts as none.
func isGiven(tree any) bool { return tree != nil && tree != "" }

func readSecret(name string) (string, error) {
	text, err := readFile(name, maxSecretFile)
	if err != nil {
		return "", err
	}
	// An editor or echo ends the line; no secret has a line end at its end.
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s: expected a secret, the file is empty", name)
	}
	return secret, nil
}

// leaf fills a value that has no keys of its own.
func (d decoder) leaf(v reflect.Value, f field, path string, tree any) {
	if f.isWords() {
		d.words(v, f, path, tree)
		return
	}
	text, ok := tree.(string)
	if !ok && tree != nil {
		d.add(path, "got %s, expected a single value", describe(tree))
		return
	}
	if text == "" {
		text = f.def
	}
	if text == "" {
		if f.required {
			d.add(path, "missing, %v", cmp.Or(f.parse(v, ""), errors.New(f.expectation())))
		}
		return
	}
	err := f.parse(v, text)
	switch {
	case err == nil:
	case f.typ == reflect.TypeFor[Endpoint]():
		d.add(path, "%v", err) // a password in a URL is one way to be wrong
	default:
		d.add(path, "got %q, %v", text, err)
	}
}

// words fills a list of words: a list, or in the environment a text with commas.
func (d decoder) words(v reflect.Value, f field, path string, tree any) {
	var words []string
	switch tree := tree.(type) {
	case string:
		words = strings.FieldsFunc(tree, func(r rune) bool { return r == ',' || r == ' ' })
	case map[string]any:
		for i := range len(tree) {
			word, ok := tree[elementKey(i)].(string)
			if !ok {
				d.add(path, "got keys or lists, expected a list of %s", strings.Join(f.oneOf, ", "))
				return
			}
			words = append(words, word)
		}
	}
	for i, word := range words {
		if !slices.Contains(f.oneOf, word) {
			d.add(join(path, elementKey(i)), "got %q, %s", word, f.expectation())
		}
	}
	if len(words) == 0 && f.required {
		d.add(path, "missing, %s", f.expectation())
	}
	v.Set(reflect.ValueOf(words))
}

// expectation says what the key takes, for a message.
func (f field) expectation() string {
	if len(f.oneOf) > 0 {
		return "expected one of " + strings.Join(f.oneOf, ", ")
	}
	return "expected a value"
}

// parse sets v from the text.
func (f field) parse(v reflect.Value, text string) error {
	switch p := v.Addr().Interface().(type) {
	case *bool:
		return set(p, text, parseBool)
	case *int:
		return setBounded(f, p, text, parseInt)
	case *Size:
		return setBounded(f, p, text, parseSize)
	case *time.Duration:
		return setBounded(f, p, text, parseDuration)
	case *netip.Addr:
		return set(p, text, parseIPv4)
	case *Address:
		return set(p, text, parseAddress)
	case *PortRange:
		return set(p, text, parsePortRange)
	case *Endpoint:
		return set(p, text, parseEndpoint)
	case *Line:
		return set(p, text, parseLine)
	}
	if len(f.oneOf) > 0 && !slices.Contains(f.oneOf, text) {
		return errors.New(f.expectation())
	}
	v.SetString(text)
	return nil
}

func set[T any](p *T, text string, parse func(string) (T, error)) error {
	value, err := parse(text)
	if err == nil {
		*p = value
	}
	return err
}

// setBounded holds the value to the bounds of the field's tags.
func setBounded[T cmp.Ordered](f field, p *T, text string, parse func(string) (T, error)) error {
	least, errMin := parse(f.min)
	most, errMax := parse(f.max)
	if err := errors.Join(errMin, errMax); err != nil {
		return fmt.Errorf("the bounds of %s in the schema: %w", f.key, err)
	}
	value, err := parse(text)
	if err != nil {
		return err
	}
	if value < least || value > most {
		return fmt.Errorf("expected %s to %s", f.min, f.max)
	}
	*p = value
	return nil
}

// describe says what stands in the place of something else, without its value.
func describe(tree any) string {
	section, ok := tree.(map[string]any)
	switch {
	case !ok:
		return "a single value"
	case isList(section):
		return "a list"
	}
	return "keys"
}

// readFile reads a whole file of at most limit bytes.
func readFile(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("%s: expected at most %s", name, Size(limit))
	}
	return text, nil
}
