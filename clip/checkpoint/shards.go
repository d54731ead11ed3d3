package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/clipcue/clipcue/internal/input"
)

// indexSuffix ends the name of the file that lists the parts of a model in several
// files.
const indexSuffix = ".index.json"

// shardName matches the names of such parts.
var shardName = regexp.MustCompile(`-\d+-of-\d+\.(bin|pt|safetensors)$`)

// indexOf returns the index in the folder of a part, or the part itself without one.
func indexOf(part string) string {
	stem := shardName.ReplaceAllString(part, ".$1")
	if f, err := input.Open(stem + indexSuffix); err == nil {
		f.Close()
		return stem + indexSuffix
	}
	return part
}

// weightMap gives the file of each tensor. Unlike package json, it rejects a name that
// occurs twice.
type weightMap map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (m *weightMap) UnmarshalJSON(data []byte) error {
	*m = weightMap{}
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return errors.New("weight_map is not an object")
	}
	for d.More() {
		t, err := d.Token()
		if err != nil {
			return err
		}
		name, file := t.(string), ""
		if err := d.Decode(&file); err != nil {
			return fmt.Errorf("weight_map: tensor %q: %w", name, err)
		}
		if other, twice := (*m)[name]; twice {
			return fmt.Errorf("weight_map names tensor %q twice, in %q and %q", name, other, file)
		}
		(*m)[name] = file
	}
	return nil
}

// openShards opens the files that an index lists as one. The index decides which file a
// tensor is read from.
func openShards(path string) (*source, error) {
	var index struct {
		WeightMap weightMap `json:"weight_map"`
	}
	if err := readJSON(path, &index); err != nil {
		return nil, err
	}
	whole := &source{tensors: map[string]lazy{}, kind: safe}
	var files []*source
	whole.close = func() error {
		var all error
		for _, f := range files {
			all = errors.Join(all, f.close())
		}
		return all
	}
	for _, name := range slices.Compact(slices.Sorted(maps.Values(index.WeightMap))) {
		f, err := openPart(filepath.Dir(path), name)
		if err == nil {
			files = append(files, f)
			whole.size += f.size
			whole.kind = f.kind
			err = index.WeightMap.take(whole.tensors, f.tensors, name)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("part %q: %w", name, err), whole.close())
		}
	}
	return whole, nil
}

func openPart(dir, name string) (*source, error) {
	if name == "" || filepath.Base(name) != name || !filepath.IsLocal(name) {
		return nil, errors.New("it is not a file in the folder of the index")
	}
	return openFile(filepath.Join(dir, name))
}

// take adds the tensors that m places in a file to all. A tensor that is also in another
// file is an error, because the two may differ.
func (m weightMap) take(all, file map[string]lazy, name string) error {
	for _, tensor := range slices.Sorted(maps.Keys(m)) {
		t, ok := file[tensor]
		switch {
		case m[tensor] == name && !ok:
			return fmt.Errorf("tensor %q is missing, which the index places there", tensor)
		case m[tensor] == name:
			all[tensor] = t
		case ok:
			return fmt.Errorf("it has tensor %q, which the index places in %q", tensor, m[tensor])
		}
	}
	return nil
}
