// Package settings gives flags other defaults: from variables of the environment, or from a
// file. The command line has precedence over the environment, and that over the file.
package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/internal/filelock"
	"github.com/clipcue/clipcue/internal/input"
)

// Model is the name of the default backbone, which is not that of a run or library.
const Model = "model"

// names are those of the flags that have the same meaning in all commands, wherever a user is.
var names = []string{Model, "library", "threads", "memory", "decoders", "timeout", "quiet", "no-color", "log-format",
	"address", "tokens", "upstream", "unload", "mirror"}

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

// Wrong returns the error of a setting whose value has an error.
func (v Value) Wrong(err error) error { return fmt.Errorf("%s of %s: %w", v.Name, v.Origin, err) }

// SetFlag gives a flag the value of a setting.
func SetFlag(f *pflag.Flag, value string) error {
	if f.Value.Type() == "bool" {
		if _, err := strconv.ParseBool(value); err != nil {
			return fmt.Errorf("must be true or false, got %q", value)
		}
	}
	return f.Value.Set(value)
}

// Read returns all settings, in the order of Names. With an error, they are those that can be read.
func Read() ([]Value, error) {
	path, err := Path()
	if err != nil {
		path, err = "", nil // a system user may have none; variables still work
	}
	var file map[string]any
	if path != "" {
		_, file, err = readFile(path)
	}
	var out []Value
	for _, name := range names {
		v := Value{Name: name}
		switch value := file[name].(type) {
		case nil:
		case string, int64, bool:
			v.Value, v.Origin = fmt.Sprint(value), path
		default:
			err = errors.Join(err, fmt.Errorf("%s: %s must be a text, a whole number, true or false", path, name))
		}
		if s := os.Getenv(Variable(name)); s != "" {
			v.Value, v.Origin = s, Variable(name)
		}
		out = append(out, v)
	}
	return out, err
}

// Unknown returns the names in the file that are not those of settings. A newer version may know
// them. It returns none for a file that cannot be read.
func Unknown() (unknown []string) {
	if path, err := Path(); err == nil {
		_, file, _ := readFile(path)
		unknown = slices.DeleteFunc(slices.Sorted(maps.Keys(file)), func(name string) bool { return slices.Contains(names, name) })
	}
	return unknown
}

const maxFile = 1 << 16 // bytes

// readFile returns the text and the values of a file; one that does not exist has none. A text
// file that is not TOML gives an error around a toml.ParseError.
func readFile(path string) (text string, values map[string]any, err error) {
	b, err := input.ReadFile(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		return "", nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("not a text file")}
	}
	if err := toml.Unmarshal(b, &values); err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return string(b), values, nil
}

// Apply gives settings to the flags of a command that the command line does not set, and
// returns the default backbone, or "". The error joins those of all settings that have no effect.
func Apply(flags *pflag.FlagSet) (model string, err error) {
	values, err := Read()
	for _, v := range values {
		f := flags.Lookup(v.Name)
		switch {
		case v.Origin == "":
		case v.Name == Model:
			model = v.Value
		case f != nil && !f.Changed:
			bad := SetFlag(f, v.Value)
			if bad == nil {
				bad = flags.Set(v.Name, v.Value) // which notes that it is set
			}
			if bad != nil {
				err = errors.Join(err, v.Wrong(bad))
			}
		}
	}
	return model, err
}

// Set stores a setting in the file, or removes it if the value is "". Relative paths become absolute,
// because the setting applies in all folders. Other names in the file and
// comments are kept. A text file that is not TOML is renamed; damaged is its new path then, else "".
// Everything else that cannot be read is an error. Processes that change the file wait for each other.
func Set(ctx context.Context, name, value string) (damaged string, err error) {
	if !slices.Contains(names, name) {
		return "", fmt.Errorf("%q is not a setting; there are %s", name, strings.Join(names, ", "))
	}
	if !utf8.ValidString(value) {
		return "", fmt.Errorf("%s %q is not UTF-8; settings are text", name, value)
	}
	if value, err = absolute(name, value); err != nil {
		return "", err
	}
	path, err := Path()
	if err != nil {
		return "", err
	}
	if path, err = target(path); err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", err
	}
	unlock, err := filelock.Folder(ctx, filepath.Dir(path))
	if err != nil {
		return "", err
	}
	defer unlock()
	old, values, err := readFile(path)
	if _, notTOML := errors.AsType[toml.ParseError](err); notTOML {
		damaged, err = setAside(path)
	}
	if err != nil {
		return "", err
	}
	if values == nil {
		values = map[string]any{}
	}
	if values[name] = value; value == "" {
		delete(values, name)
	}
	text, err := edit(old, name, value, values)
	if err != nil {
		return damaged, fmt.Errorf("%s: %w", path, err)
	}
	return damaged, atomicfile.WriteBytes(path, []byte(text))
}

// absolute returns the value of a setting with an absolute path, if it is a path. A model is one if
// it exists, and otherwise a name. The parent of the current folder is that of its real path.
func absolute(name, value string) (string, error) {
	_, err := os.Lstat(value)
	isPath := name == "library" || name == "tokens" || name == Model && err == nil
	if !isPath || value == "" || filepath.IsAbs(value) {
		return value, nil
	}
	dir, err := os.Getwd()
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	return filepath.Join(dir, value), err
}

// target returns the path that a path leads to when links of its last part are followed, so that
// writing keeps the links. The last part need not exist.
func target(path string) (string, error) {
	for range 40 { // as many links as Linux follows
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link; reading returns other errors
		}
		if !filepath.IsAbs(to) {
			folder, err := filepath.EvalSymlinks(filepath.Dir(path))
			if err != nil {
				return "", err
			}
			to = filepath.Join(folder, to)
		}
		path = to
	}
	return "", &fs.PathError{Op: "open", Path: path, Err: errors.New("too many links")}
}

// ErrEdit reports a file in which clipcue cannot change a setting without changing anything else.
var ErrEdit = errors.New("the setting cannot be changed without changing other lines")

// edit returns a file in which a name has another value, or is missing. Nothing else changes,
// or the error wraps ErrEdit.
func edit(old, name, value string, values map[string]any) (string, error) {
	line, err := encode(map[string]any{name: value})
	if err != nil {
		return "", err
	}
	if value == "" {
		line = ""
	}
	// The name can also be in a table or in a text of several lines. A place is right if the values
	// are right afterwards. The last place is for a new name, before the first table.
	places := regexp.MustCompile(`(?m)^[ \t]*["']?`+name+`["']?[ \t]*=[ \t]*("(\\.|[^"\\\n])*"|'[^'\n]*'|[^\s"'#]+)[ \t]*(\r?\n)?`).FindAllStringIndex(old, 16)
	for _, at := range append(places, []int{0, 0}) {
		was, put, rest := old[at[0]:at[1]], line, old[at[1]:]
		if was != "" && !strings.HasSuffix(was, "\n") && strings.HasPrefix(rest, "#") {
			put = strings.Replace(line, "\n", " ", 1) // the comment stays in its line
		}
		text := old[:at[0]] + put + rest
		var now map[string]any
		if err := toml.Unmarshal([]byte(text), &now); err == nil && maps.EqualFunc(now, values, reflect.DeepEqual) {
			return text, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrEdit)
}

func encode(values map[string]any) (string, error) {
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(values)
	return b.String(), err
}

// setAside renames a file and returns its new name, which no other file has.
func setAside(path string) (string, error) {
	for n := 1; ; n++ {
		to := path + ".damaged"
		if n > 1 {
			to += fmt.Sprint("-", n)
		}
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(path, to)
		} else if err != nil {
			return "", err
		}
	}
}
