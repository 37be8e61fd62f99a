package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"
)

// A file becomes a tree of sections (map[string]any) and texts (string), whatever its format:
//   - a scalar is the text that stands in the file, so that the password 0123 stays 0123;
//   - a list is a section with the keys "[0]", "[1]", …, so that for viper the key of a list
//     element is a key like any other, which the environment can override;
//   - a key that is given twice is refused: one of the two would be lost without a word.

// formats is the viper.DecoderRegistry of the formats that are read, by file name extension.
type formats struct{}

func (formats) Decoder(format string) (viper.Decoder, error) {
	switch format {
	case "yaml", "yml":
		return decoderFunc(decodeYAML), nil
	case "json":
		return decoderFunc(decodeJSON), nil
	case "toml":
		return decoderFunc(decodeTOML), nil
	}
	return nil, errors.New("expected a name that ends in .yaml, .yml, .toml or .json")
}

// decoderFunc is a viper.Decoder of a function that returns the top level.
type decoderFunc func(b []byte) (any, error)

func (f decoderFunc) Decode(b []byte, into map[string]any) error {
	top, err := f(b)
	if err != nil {
		return err
	}
	section, ok := top.(map[string]any)
	if !ok && top != nil || isList(section) {
		return errors.New("expected keys at the top level")
	}
	maps.Copy(into, section)
	return nil
}

// elementKey is the key of element i of a list.
func elementKey(i int) string { return fmt.Sprintf("[%d]", i) }

// isList reports whether a section stands for a list.
func isList(section map[string]any) bool {
	for key := range section {
		if strings.HasPrefix(key, "[") {
			return true
		}
	}
	return false
}

func listSection(list []any) map[string]any {
	section := make(map[string]any, len(list))
	for i, value := range list {
		if value == nil {
			value = "" // viper drops nil, and the elements behind would move up
		}
		section[elementKey(i)] = value
	}
	return section
}

func decodeYAML(b []byte) (any, error) {
	// The package's own decoding refuses aliases that contain themselves or grow without bound,
	// which the walk below would follow.
	if err := yaml.Unmarshal(b, new(any)); err != nil {
		return nil, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(b))
	var top yamlNode
	if err := decoder.Decode(&top); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := decoder.Decode(new(yamlNode)); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected one document")
	}
	return top.value, nil
}

// yamlNode is a node whose scalars are kept as they are written. The yaml package resolves
// aliases and merge keys around it and refuses duplicate keys.
type yamlNode struct{ value any }

func (n *yamlNode) UnmarshalYAML(node *yaml.Node) error {
	switch node.Kind {
	case yaml.MappingNode:
		var m map[string]yamlNode
		if err := node.Decode(&m); err != nil {
			return err
		}
		section := make(map[string]any, len(m))
		for key, child := range m {
			if err := put(section, key, child.value); err != nil {
				return fmt.Errorf("line %d: %w", node.Line, err)
			}
		}
		n.value = section
	case yaml.SequenceNode:
		var l []*yamlNode // pointers, as the yaml package leaves out a null that has none
		if err := node.Decode(&l); err != nil {
			return err
		}
		list := make([]any, len(l))
		for i, child := range l {
			if child != nil {
				list[i] = child.value
			}
		}
		n.value = listSection(list)
	default:
		n.value = node.Value
	}
	return nil
}

// put refuses keys that differ only in case, as viper does not tell them apart.
func put(section map[string]any, key string, value any) error {
	folded := strings.ToLower(key)
	if _, taken := section[folded]; taken {
		return fmt.Errorf("key %q is given twice", key)
	}
	section[folded] = value
	return nil
}

func decodeJSON(b []byte) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.UseNumber()
	top, err := jsonValue(decoder)
	if err != nil {
		return nil, fmt.Errorf("at byte %d: %w", decoder.InputOffset(), err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("expected one document")
	}
	return top, nil
}

// jsonValue reads token by token, as json.Unmarshal takes the last of duplicate keys.
func jsonValue(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		section := map[string]any{}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := jsonValue(decoder)
			if err != nil {
				return nil, err
			}
			if err := put(section, key.(string), value); err != nil { // JSON has no other keys
				return nil, err
			}
		}
		_, err := decoder.Token()
		return section, err
	case json.Delim('['):
		var list []any
		for decoder.More() {
			value, err := jsonValue(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, value)
		}
		_, err := decoder.Token()
		return listSection(list), err
	case nil:
		return nil, nil
	}
	return fmt.Sprint(token), nil
}

func decodeTOML(b []byte) (any, error) {
	stock, err := viper.NewCodecRegistry().Decoder("toml")
	if err != nil {
		return nil, err
	}
	top := map[string]any{}
	if err := stock.Decode(b, top); err != nil {
		return nil, err
	}
	return tomlValue(top)
}

func tomlValue(value any) (any, error) {
	switch value := value.(type) {
	case map[string]any:
		section := make(map[string]any, len(value))
		for key, child := range value {
			child, err := tomlValue(child)
			if err != nil {
				return nil, err
			}
			if err := put(section, key, child); err != nil {
				return nil, err
			}
		}
		return section, nil
	case []any:
		for i := range value {
			var err error
			if value[i], err = tomlValue(value[i]); err != nil {
				return nil, err
			}
		}
		return listSection(value), nil
	}
	return fmt.Sprint(value), nil
}
