package nn

import "math"

// smoothed changes a block's tensors so that quantization to int8 loses less, without changing
// the block's float32 result. If the columns of a product's input differ much in size, the
// large ones determine the quantization step, and the small ones are lost. As in SmoothQuant
// (Xiao et al. 2023), each column is divided by a factor, and the weight's column is multiplied
// by it. The factors need no calibration data, because the size of a column after a layer norm
// follows from its gain and bias. The input of c_proj is not changed, because factors do not
// commute with the activation before it.
func smoothed(source Source, name string, s BlockConfig) Source {
	changed := map[string][]float32{}
	get := func(part string) []float32 {
		v := append([]float32(nil), source(name+part)...)
		changed[name+part] = v
		return v
	}
	in, inBias := get(".attn.in_proj_weight"), get(".attn.in_proj_bias")
	gain, bias := get(".ln_1.weight"), get(".ln_1.bias")
	out := get(".attn.out_proj.weight")
	smoothNorm(gain, bias, in)
	if s.AttentionNorm {
		smoothNorm(get(".attn.ln.weight"), get(".attn.ln.bias"), out)
	} else {
		smoothValues(in, inBias, gain, bias, out)
	}
	fc := [][]float32{get(".mlp.c_fc.weight")}
	if s.Gated {
		fc = append(fc, get(".mlp.c_gate.weight"))
	}
	smoothNorm(get(".ln_2.weight"), get(".ln_2.bias"), fc...)
	if s.MLPNorm {
		smoothNorm(get(".mlp.ln.weight"), get(".mlp.ln.bias"), get(".mlp.c_proj.weight"))
	}
	return func(tensor string) []float32 {
		if v, ok := changed[tensor]; ok {
			return v
		}
		return source(tensor)
	}
}

// smoothValues divides the values that attention adds up by factors and multiplies the columns of
// the projection out after it by them. gain and bias are those of the norm before.
func smoothValues(in, inBias, gain, bias, out []float32) {
	width := len(gain)
	// A column of the values is a weighted sum of the norm's columns. Its size is taken to be
	// a few standard deviations; attention averages it over the tokens.
	values, valueBias := in[2*width*width:], inBias[2*width:]
	size := make([]float64, width)
	for j := range size {
		var variance, mean float64
		for i, w := range values[j*width : (j+1)*width] {
			variance += float64(w*gain[i]) * float64(w*gain[i])
			mean += float64(w * bias[i])
		}
		size[j] = math.Abs(mean+float64(valueBias[j])) + spread*math.Sqrt(variance)
	}
	for j, f := range factors(size, out) {
		for i := range width {
			values[j*width+i] /= f
		}
		valueBias[j] /= f
	}
}

// spread is the assumed range of a column in standard deviations.
const spread = 3

// smoothNorm divides a layer norm's columns by factors and multiplies the columns of
// the weights w after it by them.
func smoothNorm(gain, bias []float32, w ...[]float32) {
	size := make([]float64, len(gain))
	for j := range size {
		size[j] = math.Abs(float64(bias[j])) + spread*math.Abs(float64(gain[j]))
	}
	for j, f := range factors(size, w...) {
		gain[j] /= f
		bias[j] /= f
	}
}

// factors returns the square roots of the columns' sizes over those of the
// columns of the weights w [m,len(size)], which it multiplies by them.
func factors(size []float64, w ...[]float32) []float32 {
	n := len(size)
	largest := make([]float64, n)
	for _, w := range w {
		for i, v := range w {
			largest[i%n] = max(largest[i%n], math.Abs(float64(v)))
		}
	}
	f := make([]float32, n)
	for j := range f {
		f[j] = 1
		if size[j] > 0 && largest[j] > 0 {
			f[j] = float32(math.Sqrt(size[j] / largest[j]))
		}
	}
	for _, w := range w {
		for i := range w {
			w[i] *= f[i%n]
		}
	}
	return f
}
