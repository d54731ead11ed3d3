package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/train"
)

// Settings returns the values of a JSON file such as config.json by dotted names.
func Settings(path string) ([]Value, error) {
	b, err := input.ReadFile(path, train.MaxConfig)
	if err != nil {
		return nil, err
	}
	var v any
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber() // seeds are larger than a float64 can tell apart
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return flatten(nil, "", v), nil
}

func flatten(out []Value, name string, v any) []Value {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = flatten(out, strings.TrimPrefix(name+"."+k, "."), v[k])
		}
		return out
	case []any:
		texts := make([]string, 0, min(len(v), 100))
		for _, x := range v[:min(len(v), 100)] { // the page cuts it anyway
			texts = append(texts, fmt.Sprint(x))
		}
		return append(out, Value{name, fmt.Sprintf("%d: %s", len(v), strings.Join(texts, ", "))})
	case nil:
		return append(out, Value{name, "none"})
	}
	return append(out, Value{name, fmt.Sprint(v)})
}

// find returns the value with a name, or "".
func find(values []Value, name string) string {
	for _, v := range values {
		if v.Name == name {
			return v.Value
		}
	}
	return ""
}

// Version returns clipcue's name and version for the footer.
func Version() string {
	version := "(devel)"
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		version = info.Main.Version
	}
	return fmt.Sprintf("clipcue %s, %s %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
