package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// decodeSafetensors lists the tensors of a safetensors file.
func decodeSafetensors(r io.ReaderAt, size int64) (*source, error) {
	f, err := safetensors.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	s := &source{tensors: map[string]lazy{}, kind: safe, size: size, metadata: f.Metadata}
	for _, name := range f.Names() {
		s.tensors[name] = lazy{f.DType(name), f.Shape(name), func() (safetensors.Tensor, error) { return f.Tensor(name) }}
	}
	return s, nil
}

// indexName is the file that lists the parts of a model in several files.
const indexName = "model.safetensors.index.json"

// openShards opens the files that an index lists as one.
func openShards(path string) (*source, error) {
	data, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
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
		if filepath.Base(name) != name || name == indexName {
			_ = whole.close()
			return nil, fmt.Errorf("it names a part %q that is not a file in its folder", name)
		}
		f, err := openSource(filepath.Join(filepath.Dir(path), name))
		if err != nil {
			_ = whole.close()
			return nil, fmt.Errorf("part %s: %w", name, err)
		}
		files = append(files, f)
		whole.size += f.size
		maps.Copy(whole.tensors, f.tensors)
	}
	return whole, nil
}

// readSmall reads a text file that belongs to a model, up to 16 MiB.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 16 << 20
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("%s is too large to be a configuration", path)
	}
	return data, err
}
