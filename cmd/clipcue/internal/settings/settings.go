// Package settings gives flags other defaults: from variables of the environment, or from a
// file. The command line has precedence over the environment, and that over the file.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/input"
)

// Model is the name of the default backbone, which is not that of a run or library.
const Model = "model"

// names are those of the flags that have the same meaning in all commands, wherever a user is.
var names = []string{Model, "library", "threads", "memory", "quiet", "log-format", "address", "mirror"}

// Names returns the names of all settings.
func Names() []string { return slices.Clone(names) }

// Variable returns the name of the variable of a setting.
func Variable(name string) string {
	return "CLIPCUE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// Path returns the path of the file: CLIPCUE_CONFIG, or clipcue/config.toml in the user's
// folder for settings.
func Path() (string, error) {
	if path := os.Getenv("CLIPCUE_CONFIG"); path != "" {
		return path, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("there is no folder for settings: %w", err)
	}
	return filepath.Join(dir, "clipcue", "config.toml"), nil
}

// Value is a setting and where it comes from: a variable, the file, or "" if it is not set.
type Value struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Read returns all settings, in the order of Names.
func Read() ([]Value, error) {
	path, err := Path()
	if err != nil {
		path = "" // a system user may have none; variables still work
	}
	file, err := readFile(path)
	if err != nil {
		return nil, err
	}
	var out []Value
	for _, name := range names {
		v := Value{Name: name}
		if s, ok := file[name]; ok {
			v.Value, v.Origin = s, path
		}
		if s := os.Getenv(Variable(name)); s != "" {
			v.Value, v.Origin = s, Variable(name)
		}
		out = append(out, v)
	}
	return out, nil
}

const maxFile = 1 << 16 // bytes

// readFile returns the settings of a file as text; a file that does not exist has none.
func readFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := input.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var values map[string]any
	if err := toml.Unmarshal(b, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := map[string]string{}
	for name, v := range values {
		if !slices.Contains(names, name) {
			return nil, fmt.Errorf("%s: %q is not a setting; there are %s", path, name, strings.Join(names, ", "))
		}
		switch v.(type) {
		case string, int64, bool:
			out[name] = fmt.Sprint(v)
		default:
			return nil, fmt.Errorf("%s: %s must be a text, a whole number, true or false", path, name)
		}
	}
	return out, nil
}

// Apply gives settings to the flags of a command that the command line does not set, and
// returns the default backbone, or "".
func Apply(flags *pflag.FlagSet) (model string, err error) {
	values, err := Read()
	if err != nil {
		return "", err
	}
	for _, v := range values {
		f := flags.Lookup(v.Name)
		switch {
		case v.Origin == "":
		case v.Name == Model:
			model = v.Value
		case f != nil && !f.Changed:
			if err := flags.Set(v.Name, v.Value); err != nil {
				return "", fmt.Errorf("%s of %s: %w", v.Name, v.Origin, err)
			}
		}
	}
	return model, nil
}

// Set stores a setting in the file, or removes it if the value is "".
func Set(name, value string) error {
	if !slices.Contains(names, name) {
		return fmt.Errorf("%q is not a setting; there are %s", name, strings.Join(names, ", "))
	}
	if !utf8.ValidString(value) {
		return fmt.Errorf("%s %q is not UTF-8; settings are text", name, value)
	}
	path, err := Path()
	if err != nil {
		return err
	}
	values, err := readFile(path)
	if err != nil {
		return err
	}
	if values == nil {
		values = map[string]string{}
	}
	if values[name] = value; value == "" {
		delete(values, name)
	}
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(values); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { _, err := b.WriteTo(w); return err })
}
