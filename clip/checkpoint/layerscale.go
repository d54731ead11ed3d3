package checkpoint

import (
	"fmt"
	"regexp"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// layerScale matches a factor for each channel of what a block adds, which OpenCLIP and
// timm call layer scale.
var layerScale = regexp.MustCompile(`^(.*transformer\.resblocks\.[0-9]+\.)(ls_[12])\.gamma$`)

// scaledBy are the projections whose outputs are multiplied.
var scaledBy = map[string]string{"ls_1": "attn.out_proj", "ls_2": "mlp.c_proj"}

// scaled reports whether a file has layer scale.
func (f *source) scaled() bool {
	for name := range f.tensors {
		if layerScale.MatchString(name) {
			return true
		}
	}
	return false
}

// foldLayerScale multiplies layer scale into the projections before it, so that the model
// is one without it.
func foldLayerScale(tensors map[string]lazy) error {
	for name, gamma := range tensors {
		m := layerScale.FindStringSubmatch(name)
		if m == nil {
			continue
		}
		for _, part := range []string{".weight", ".bias"} {
			target := m[1] + scaledBy[m[2]] + part
			t, ok := tensors[target]
			if !ok || len(gamma.shape) != 1 || len(t.shape) == 0 || t.shape[0] != gamma.shape[0] {
				return fmt.Errorf("tensor %q has shape %v, and %q %v: they do not fit", name, gamma.shape, target, t.shape)
			}
			tensors[target] = multiplied(t, gamma)
		}
		delete(tensors, name)
	}
	return nil
}

// multiplied returns a tensor whose rows are multiplied by the elements of gamma.
func multiplied(t, gamma lazy) lazy {
	return lazy{"F32", t.shape, func() (safetensors.Tensor, error) {
		rows, err := elements(t)
		if err != nil {
			return safetensors.Tensor{}, err
		}
		factors, err := elements(gamma)
		if err != nil {
			return safetensors.Tensor{}, err
		}
		width := len(rows) / max(1, len(factors))
		for i := range rows {
			rows[i] *= factors[i/max(1, width)]
		}
		return safetensors.FromFloat32s(rows, t.shape...), nil
	}}
}

func elements(t lazy) ([]float32, error) {
	v, err := t.read()
	if err != nil {
		return nil, err
	}
	return v.Float32s()
}
