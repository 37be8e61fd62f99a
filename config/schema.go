package config

import (
	"reflect"
	"strings"
)

// field is what the tags of a struct field say of a key.
type field struct {
	index    int
	key      string
	typ      reflect.Type
	def      string   // the text of its default
	min, max string   // texts of its bounds, inclusive; "" for none
	oneOf    []string // the texts, or the list elements, that are allowed; nil for any
	only     []string // the types of store that it belongs to; nil for all
	required bool
}

// fieldsOf returns the keys of a section in the order of its struct.
func fieldsOf(section reflect.Type) []field {
	fields := make([]field, section.NumField())
	for i := range fields {
		f := section.Field(i)
		fields[i] = field{
			index:    i,
			key:      f.Tag.Get("key"),
			typ:      f.Type,
			def:      f.Tag.Get("default"),
			min:      f.Tag.Get("min"),
			max:      f.Tag.Get("max"),
			oneOf:    strings.Fields(f.Tag.Get("oneof")),
			only:     strings.Fields(f.Tag.Get("only")),
			required: f.Tag.Get("required") == "true",
		}
	}
	return fields
}

// isSection reports whether the field has keys of its own.
func (f field) isSection() bool { return isSection(f.typ) }

// isList reports whether the field is a list of sections.
func (f field) isList() bool {
	return f.typ.Kind() == reflect.Slice && isSection(f.typ.Elem())
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Tag.Get("key") != ""
}

// isWords reports whether the field is a list of words.
func (f field) isWords() bool {
	return f.typ == reflect.TypeFor[[]string]()
}

// isSecret reports whether the field can also be read from a file.
func (f field) isSecret() bool {
	return f.typ == reflect.TypeFor[Secret]()
}

// fileSuffix makes the key of a secret that key of the file it is read from.
const fileSuffix = "_file"

// keysOf returns every key that a section takes.
func keysOf(section reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(section) {
		keys = append(keys, f.key)
		if f.isSecret() {
			keys = append(keys, f.key+fileSuffix)
		}
	}
	return keys
}

// join appends a key, or the key of a list element, to a path.
func join(path, key string) string {
	if path == "" || strings.HasPrefix(key, "[") {
		return path + key
	}
	return path + "." + key
}
