package checkpoint

import (
	"io"

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
