package clip

import (
	"math"
	"math/rand/v2"
	"strings"

	"github.com/clipcue/clipcue/clip/checkpoint"
)

// RandomWeights makes seeded random weights of the given sizes with CLIP's
// initial scales: for tests, for benchmarks, and for a demonstration where no
// trained weights are at hand.
func RandomWeights(c Config, seed uint64) *checkpoint.Weights {
	rng := rand.New(rand.NewPCG(seed, 0x636c6970))
	w := &checkpoint.Weights{Tensors: map[string]checkpoint.Tensor{}, Format: "random",
		Activation: c.Activation, VisionHeads: c.VisionHeads, TextHeads: c.TextHeads}
	c.tensors(func(name string, shape ...int) {
		n := 1
		for _, s := range shape {
			n *= s
		}
		data := make([]float32, n)
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
		for i := range data {
			data[i] = float32(mean + std*rng.NormFloat64())
		}
		w.Tensors[name] = checkpoint.Tensor{Shape: shape, Data: data}
	})
	return w
}
