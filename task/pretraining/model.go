package pretraining

import (
	"math"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/bridge"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// maxScale is the limit at which CLIP clips its logit scale.
const maxScale = 100

// model is a trainable backbone with its logit scale.
type model struct {
	*clip.Model // encodes with the current weights
	towers      *towers.Model
	vision      *towers.ImageTower // of towers
	params      *nn.Params
	scale       *nn.Param        // the logarithm of the logit scale
	shapes      map[string][]int // of the tensors in a weight file
}

// newModel returns a model that starts at the given weights.
func newModel(w *checkpoint.Weights, threads int) (*model, error) {
	m, err := clip.New(w, clip.Options{Threads: threads, Learnable: true})
	if err != nil {
		return nil, err
	}
	t := bridge.Towers(m)
	l := &model{Model: m, towers: t, vision: t.Image.(*towers.ImageTower), params: t.Params, shapes: map[string][]int{}}
	for name, t := range w.Tensors {
		l.shapes[name] = t.Shape
	}
	scale := []float32{float32(math.Log(1 / 0.07))}
	if t, ok := w.Tensors[scaleName]; ok {
		if scale, err = t.Read(); err != nil {
			return nil, err
		}
	}
	l.scale = l.params.Add(scaleName, scale)
	for _, p := range l.params.List {
		// CLIP decays "all weights that are not gains or biases" (section 2.5).
		p.WeightDecay = len(p.Shape) > 1
	}
	return l, nil
}

const scaleName = "logit_scale"

// Scale returns the logit scale, 1/τ.
func (l *model) Scale() float32 {
	return float32(math.Exp(float64(l.get(l.scale.Value))))
}

// addScaleGrad adds to the gradient of the logarithm of the scale.
func (l *model) addScaleGrad(g float64) {
	l.set(l.scale.Grad, l.get(l.scale.Grad)+float32(g))
}

// clipScale limits the scale to 100, "to prevent scaling the logits by more than 100
// which we found necessary to prevent training instability".
func (l *model) clipScale() {
	if limit := float32(math.Log(maxScale)); l.get(l.scale.Value) > limit {
		l.set(l.scale.Value, limit)
	}
}

func (l *model) get(m compute.Matrix) float32 {
	var v [1]float32
	l.towers.Device.Download(v[:], m)
	return v[0]
}

func (l *model) set(m compute.Matrix, v float32) {
	l.towers.Device.Upload(m, []float32{v})
}

// weights returns copies of all current weights.
func (l *model) weights() *checkpoint.Weights {
	c := l.Config()
	w := &checkpoint.Weights{Tensors: map[string]checkpoint.Tensor{}, Activation: c.Activation, Eps: c.Eps,
		VisionHeads: c.VisionHeads, TextHeads: c.TextHeads, Mean: c.Mean, Std: c.Std}
	values := l.params.Values()
	for name, shape := range l.shapes {
		w.Tensors[name] = checkpoint.InMemory(values[name], shape...)
	}
	return w
}
