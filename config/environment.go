package config

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// prefix begins every environment variable that this program reads.
const prefix = "TIDEGATE_"

// FileVariable names the configuration file where --config does not.
const FileVariable = prefix + "CONFIG"

// testPrefix begins the variables of the tests, which run with the program's environment.
const testPrefix = prefix + "TEST_"

// kubernetesLink matches what Kubernetes sets in every pod for a service named tidegate or
// tidegate-something (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
var kubernetesLink = regexp.MustCompile(
	`^TIDEGATE_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// variable is an environment variable that sets a field.
type variable struct {
	name, value string
	path        []string // of the field: the keys from the top
}

// readEnvironment returns the settings in environ, and adds a problem for each variable that
// looks like one and is none. An empty variable counts as not set.
func readEnvironment(environ []string, problems *problems) []variable {
	var found []variable
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, prefix)
		if !ours || value == "" || name == FileVariable || strings.HasPrefix(name, testPrefix) {
			continue
		}
		if path := pathOf(reflect.TypeFor[Config](), rest); path != nil {
			found = append(found, variable{name: name, value: value, path: path})
		} else if !kubernetesLink.MatchString(name) {
			problems.add(name, "no such setting%s", suggestVariable(name))
		}
	}
	return found
}

// pathOf returns the keys that rest, the end of a variable's name, stands for inside a section;
// nil for none. Keys hold underscores too, so only the schema can tell where one ends.
func pathOf(section reflect.Type, rest string) []string {
	for _, f := range fieldsOf(section) {
		name := variableName(f.key)
		if f.isSecret() && rest == name+variableName(fileSuffix) {
			return []string{f.key + fileSuffix}
		}
		if rest == name && !f.isSection() && !f.isList() {
			return []string{f.key}
		}
		inner, ok := strings.CutPrefix(rest, name+"_")
		if !ok {
			continue
		}
		var path []string
		switch {
		case f.isSection():
			path = pathOf(f.typ, inner)
		case f.isList():
			path = pathOfElement(f.typ.Elem(), inner)
		}
		if path != nil {
			return append([]string{f.key}, path...)
		}
	}
	return nil
}

// pathOfElement does so inside a list, where rest begins with the number of an element.
func pathOfElement(section reflect.Type, rest string) []string {
	number, rest, _ := strings.Cut(rest, "_")
	path := pathOf(section, rest)
	if path == nil || !isNumber(number) {
		return nil
	}
	return append([]string{"[" + number + "]"}, path...)
}

func variableName(key string) string { return strings.ToUpper(key) }

// isNumber reports whether s is the number of a list element, written in the one way it is.
func isNumber(s string) bool {
	digits := strings.Trim(s, "0123456789") == "" && s != ""
	return digits && (s == "0" || s[0] != '0')
}

var elementNumber = regexp.MustCompile(`_[0-9]+(_|$)`)

// suggestVariable returns the setting that a variable probably means, as the end of a message.
func suggestVariable(name string) string {
	numbers := elementNumber.FindAllString(name, -1)
	meant := nearest(elementNumber.ReplaceAllString(name, "_0$1"), variablesOf(prefix, reflect.TypeFor[Config]()))
	if meant == "" {
		return ""
	}
	meant = elementNumber.ReplaceAllStringFunc(meant, func(zero string) string {
		if len(numbers) == 0 {
			return zero
		}
		number := numbers[0]
		numbers = numbers[1:]
		return number
	})
	return ", did you mean " + meant + "?"
}

// variablesOf returns the names of every variable of a section, list elements as number 0.
func variablesOf(before string, section reflect.Type) []string {
	var names []string
	for _, f := range fieldsOf(section) {
		name := before + variableName(f.key)
		switch {
		case f.isSection():
			names = append(names, variablesOf(name+"_", f.typ)...)
		case f.isList():
			names = append(names, variablesOf(name+"_0_", f.typ.Elem())...)
		case f.isSecret():
			names = append(names, name, name+variableName(fileSuffix))
		default:
			names = append(names, name)
		}
	}
	return names
}
