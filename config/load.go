package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/spf13/viper"
)

// maxFile bounds the configuration file, in bytes: room for some ten thousand users.
const maxFile = 16 << 20

// delimiter joins the keys of a path for viper. No key holds it: viper's own "." and the usual
// "::" would make a key "tls.cert_file" another spelling of a path.
const delimiter = "\x1f"

// Check finds what only another package can know to be wrong, and refuses the field. What is
// asked of it can be wrong in other ways too: then fields are empty.
type Check func(c *Config, refuse func(field string, err error))

// Load reads the configuration from a file, whose name's end tells its format (.yaml, .yml, .toml
// or .json), and from environ, the "NAME=value" strings of os.Environ, which override the file.
// Without a file ("") the environment is all there is.
//
// A configuration that is wrong in any way is refused with an *Error that lists everything that
// is wrong with it; a file that cannot be read with another error. Relative names of files in
// the configuration are relative to the working directory.
func Load(file string, environ []string, checks ...Check) (*Config, error) {
	layers := viper.NewWithOptions(viper.KeyDelimiter(delimiter), viper.WithDecoderRegistry(formats{}))
	if file != "" {
		if err := readLayer(layers, file); err != nil {
			return nil, fmt.Errorf("configuration file %s: %w", file, err)
		}
	}

	problems := newProblems()
	for _, variable := range readEnvironment(environ, problems) {
		layers.Set(strings.Join(variable.path, delimiter), variable.value)
		problems.sources[fieldPath(variable.path)] = variable.name
	}

	var c Config
	decoder{problems}.section(reflect.ValueOf(&c).Elem(), "", layers.AllSettings())
	c.validate(problems)
	for _, check := range checks {
		check(&c, func(field string, err error) { problems.add(field, "%v", err) })
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return &c, nil
}

func readLayer(layers *viper.Viper, file string) error {
	text, err := readFile(file, maxFile)
	if err != nil {
		return err
	}
	format := strings.TrimPrefix(strings.ToLower(filepath.Ext(file)), ".")
	if _, err := (formats{}).Decoder(format); err != nil {
		return err
	}
	layers.SetConfigType(format)
	return layers.ReadConfig(bytes.NewReader(text))
}

func fieldPath(keys []string) string {
	path := ""
	for _, key := range keys {
		path = join(path, key)
	}
	return path
}

// InEnvironment reports whether environ sets anything, so that a program without a file can tell
// a configuration by environment alone from none.
func InEnvironment(environ []string) bool {
	problems := newProblems()
	return len(readEnvironment(environ, problems)) > 0 || len(problems.list) > 0
}
