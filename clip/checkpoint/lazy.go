package checkpoint

import (
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/internal/safetensors"
)

// reshaped returns a tensor without its dimensions of size 1 at the start, so that n dimensions
// are left.
func reshaped(t lazy, n int) lazy {
	shape := t.shape
	for len(shape) > n && shape[0] == 1 {
		shape = shape[1:]
	}
	return lazy{t.dtype, shape, func() (safetensors.Tensor, error) {
		v, err := t.read()
		v.Shape = shape
		return v, err
	}}
}

// rowsOf returns the rows from..to-1 of a tensor's outermost dimension.
func rowsOf(t lazy, from, to int) lazy {
	shape := slices.Clone(t.shape)
	shape[0] = to - from
	return lazy{t.dtype, shape, func() (safetensors.Tensor, error) {
		v, err := t.read()
		if err != nil {
			return v, err
		}
		row := len(v.Data) / max(1, t.shape[0])
		return safetensors.Tensor{DType: v.DType, Shape: shape, Data: v.Data[from*row : to*row]}, nil
	}}
}

// zerosLike returns zeros of the type and shape of a tensor.
func zerosLike(t lazy) lazy {
	return lazy{t.dtype, t.shape, func() (safetensors.Tensor, error) {
		v, err := t.read()
		return safetensors.Tensor{DType: v.DType, Shape: v.Shape, Data: make([]byte, len(v.Data))}, err
	}}
}

// zeros returns a tensor of n zeros.
func zeros(n int) lazy {
	return computed([]int{n}, func([][]float32) []float32 { return make([]float32, n) })
}

// computed returns a float32 tensor that f computes from the elements of others.
func computed(shape []int, f func(in [][]float32) []float32, from ...lazy) lazy {
	return lazy{"F32", shape, func() (safetensors.Tensor, error) {
		in := make([][]float32, len(from))
		for i, t := range from {
			var err error
			if in[i], err = elements(t); err != nil {
				return safetensors.Tensor{}, err
			}
		}
		return safetensors.FromFloat32s(f(in), shape...), nil
	}}
}

func elements(t lazy) ([]float32, error) {
	v, err := t.read()
	if err != nil {
		return nil, err
	}
	return v.Float32s()
}

// foldPatchBias adds the bias of the patches to their positions: the class token has none.
func foldPatchBias(tensors map[string]lazy) error {
	const name, positions, class = "visual.conv1.bias", "visual.positional_embedding", "visual.class_embedding"
	bias, ok := tensors[name]
	if !ok {
		return nil
	}
	pos := tensors[positions]
	if len(bias.shape) != 1 || len(pos.shape) != 2 || pos.shape[1] != bias.shape[0] {
		return fmt.Errorf("tensor %q has shape %v, and %q %v: they do not fit", name, bias.shape, positions, pos.shape)
	}
	first := 0
	if tensors[class].read != nil {
		first = 1
	}
	width := bias.shape[0]
	tensors[positions] = computed(pos.shape, func(in [][]float32) []float32 {
		for i := first * width; i < len(in[0]); i++ {
			in[0][i] += in[1][i%width]
		}
		return in[0]
	}, pos, bias)
	delete(tensors, name)
	return nil
}

// normalized returns a row after a layer norm.
func normalized(row, gain, bias []float32, eps float64) []float32 {
	var mean, variance float64
	for _, v := range row {
		mean += float64(v) / float64(len(row))
	}
	for _, v := range row {
		variance += (float64(v) - mean) * (float64(v) - mean) / float64(len(row))
	}
	out := make([]float32, len(row))
	for i, v := range row {
		out[i] = float32((float64(v)-mean)/math.Sqrt(variance+eps)*float64(gain[i]) + float64(bias[i]))
	}
	return out
}
