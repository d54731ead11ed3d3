package clip

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/nn"
)

// RandomWeights returns seeded random weights of the given sizes with CLIP's initial
// scales, for tests and benchmarks. Only the positions of patches are not random: they are
// sines and cosines, so that neighboring patches have similar positions without training.
// Reading a tensor computes it again, so that the weights need no memory.
func RandomWeights(c Config, seed uint64) *checkpoint.Weights {
	source := rand.NewPCG(seed, 0x636c6970)
	rng := rand.New(source)
	w := &checkpoint.Weights{Tensors: map[string]checkpoint.Tensor{}, Format: "random",
		Activation: c.Activation, VisionHeads: c.VisionHeads, TextHeads: c.TextHeads, Vision: c.Vision, Text: c.Text}
	if c.Trunk != (Trunk{}) {
		w.ImageSize = c.ImageSize
	}
	c.tensors(func(name string, shape ...int) {
		n := nn.Elements(shape)
		var mean, std float64
		switch {
		case name == "logit_scale":
			mean = math.Log(1 / 0.07)
		case len(shape) == 1 && n > 0 && strings.HasSuffix(name, ".weight"):
			mean = 1
		case name == "token_embedding.weight" || name == "positional_embedding":
			std = 0.02
		case name == "visual.proj" || name == "visual.positional_embedding":
			std = math.Pow(float64(c.VisionWidth), -0.5)
		case name == "text_projection":
			std = math.Pow(float64(c.TextWidth), -0.5)
		case len(shape) > 1:
			std = math.Pow(float64(n/shape[0]), -0.5)
		case name == "visual.class_embedding":
			std = math.Pow(float64(n), -0.5)
		}
		state := *source
		for range n {
			rng.NormFloat64()
		}
		w.Tensors[name] = checkpoint.Tensor{Shape: shape, Read: func() ([]float32, error) {
			source, data := state, make([]float32, n)
			rng := rand.New(&source)
			for i := range data {
				data[i] = float32(mean + std*rng.NormFloat64())
			}
			if name == "visual.positional_embedding" {
				grid := c.ImageSize / c.PatchSize
				waves(data[n-grid*grid*c.VisionWidth:], c.VisionWidth, grid)
			}
			return data, nil
		}}
	})
	return w
}

// waves fills the positions x [grid²,width] with sines and cosines: of a patch's row
// in the even columns and of its column in the odd ones, with wavelengths from two
// patches to twice the grid.
func waves(x []float32, width, grid int) {
	const amplitude = 0.8 // of patches, it is about 1
	bands := max(width/4, 1)
	for i := range x {
		patch, column := i/width, i%width
		at := float64(patch/grid) + 0.5
		if column%2 == 1 {
			at = float64(patch%grid) + 0.5
		}
		band := column / 2
		wave := math.Sin
		if band >= bands {
			wave = math.Cos
		}
		g := float64(grid)
		frequency := math.Pi / g * math.Pow(g, float64(band%bands)/float64(bands))
		x[i] = float32(amplitude * wave(frequency*at))
	}
}
