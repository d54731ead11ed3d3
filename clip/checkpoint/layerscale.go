package checkpoint

import (
	"fmt"
	"regexp"
)

// layerScale matches a factor for each channel of what a block adds, which OpenCLIP and
// timm call layer scale.
var layerScale = regexp.MustCompile(`^(.*transformer\.resblocks\.[0-9]+\.)(ls_[12])\.gamma$`)

// scaledBy are the projections whose outputs are multiplied.
var scaledBy = map[string]string{"ls_1": "attn.out_proj", "ls_2": "mlp.c_proj"}

// foldLayerScale multiplies layer scale into the projections before it, so that the model
// is one without it. Either all blocks of a tower have it, or none.
func foldLayerScale(tensors map[string]lazy) error {
	if err := checkLayerScale(tensors); err != nil {
		return err
	}
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

// checkLayerScale returns an error if a factor is missing.
func checkLayerScale(tensors map[string]lazy) error {
	for _, tower := range []string{"visual.", ""} {
		blocks := tower + "transformer.resblocks."
		_, scaled := tensors[blocks+"0.ls_1.gamma"]
		for n := 0; ; n++ {
			block := fmt.Sprintf("%s%d.", blocks, n)
			if tensors[block+"ln_1.weight"].read == nil {
				break
			}
			for part := range scaledBy {
				if _, ok := tensors[block+part+".gamma"]; ok != scaled {
					return fmt.Errorf("some blocks have layer scale and others do not (tensor %q)", block+part+".gamma")
				}
			}
		}
	}
	return nil
}

// multiplied returns a tensor whose rows are multiplied by the elements of gamma.
func multiplied(t, gamma lazy) lazy {
	return computed(t.shape, func(in [][]float32) []float32 {
		rows, factors := in[0], in[1]
		width := len(rows) / max(1, len(factors))
		for i := range rows {
			rows[i] *= factors[i/max(1, width)]
		}
		return rows
	}, t, gamma)
}
