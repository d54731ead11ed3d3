package safetensors

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// metadataKey is the only name in the header that is not a tensor's.
const metadataKey = "__metadata__"

// Write writes f to path atomically. Equal content gives equal bytes. In metadata,
// bytes that are not valid UTF-8 are replaced by U+FFFD. Of existing files it replaces only those
// with the same first key, by [atomicfile.Member].
func Write(path string, f *File) error {
	if _, _, err := f.header(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return atomicfile.Member(path, f.Encode)
}

// Encode writes f to w as Write does.
func (f *File) Encode(w io.Writer) error {
	header, names, err := f.header()
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, name := range names {
		if _, err := w.Write(f.Tensors[name].Data); err != nil {
			return err
		}
	}
	return nil
}

// header returns the bytes before the tensors' data, and the tensors' order:
// wide elements first, then by name. With the header's length a multiple of
// eight, every tensor is aligned to its element.
func (f *File) header() ([]byte, []string, error) {
	names := slices.SortedFunc(maps.Keys(f.Tensors), func(a, b string) int {
		if d := elementSize[f.Tensors[b].DType] - elementSize[f.Tensors[a].DType]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})

	fields := map[string]any{} // which json.Marshal sorts
	if len(f.Metadata) > 0 {
		fields[metadataKey] = f.Metadata
	}
	at := int64(0)
	for _, name := range names {
		t := f.Tensors[name]
		if name == metadataKey || !utf8.ValidString(name) {
			return nil, nil, fmt.Errorf("invalid tensor name %q", name)
		}
		if err := t.check(); err != nil {
			return nil, nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		end := at + int64(len(t.Data))
		shape := append([]int{}, t.Shape...) // nil would be written as null
		fields[name] = entry{t.DType, shape, []int64{at, end}}
		at = end
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, nil, err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > maxHeader {
		return nil, nil, fmt.Errorf("a header of %d bytes exceeds the format's limit", len(text))
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...), names, nil
}
