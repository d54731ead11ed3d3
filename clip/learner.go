package clip

import (
	"fmt"
	"math"

	"github.com/clipcue/clipcue/clip/bpe"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/nn"
	"github.com/clipcue/clipcue/internal/towers"
)

// Learner is a model all of whose weights are learned, as in CLIP's own
// pre-training. Model encodes with them as they are at the moment; it has no
// fingerprint, and its LogitScale is that at the start.
type Learner struct {
	Model *Model
	scale *nn.Param // the logarithm of the logit scale
}

// maxScale is where CLIP clips its logit scale.
const maxScale = 100

// NewLearner builds a model to learn, beginning at the given weights. threads is
// as in [Options].
func NewLearner(w *checkpoint.Weights, threads int) (*Learner, error) {
	if _, ok := activations[w.Activation]; !ok {
		return nil, fmt.Errorf("activation %q is not known: it is quick_gelu or gelu", w.Activation)
	}
	c, err := configOf(w, w.Activation)
	if err != nil {
		return nil, err
	}
	source := sourceOf(w, &err)
	device := compute.NewCPU(threads)
	params := &nn.Params{Device: device}
	m := &Model{config: c, format: w.Format, towers: &towers.Model{Device: device, Params: params}}
	if m.tokenizer, err = bpe.New(c.Vocab); err != nil {
		return nil, err
	}
	l := &Learner{Model: m}
	b := &nn.Builder{Device: device, Source: source, Params: params}
	m.towers.Image, m.towers.Text = towers.NewImageTower(b, c.sizes()), towers.NewTextTower(b, c.sizes())
	scale := []float32{float32(math.Log(1 / 0.07))}
	if _, ok := w.Tensors["logit_scale"]; ok {
		scale = source("logit_scale")
	}
	l.scale = params.Add("logit_scale", scale)
	for _, p := range params.List {
		m.parameters += p.Value.Rows * p.Value.Cols
		// CLIP decays "all weights that are not gains or biases" (section 2.5).
		p.Decay = len(p.Shape) > 1
	}
	m.logitScale = l.Scale()
	return l, err
}

// Scale is the logit scale.
func (l *Learner) Scale() float32 {
	var v [1]float32
	l.Model.towers.Device.Download(v[:], l.scale.Value)
	return float32(math.Exp(float64(v[0])))
}

// AddScaleGrad adds to the gradient of the logarithm of the scale.
func (l *Learner) AddScaleGrad(g float64) {
	var v [1]float32
	l.Model.towers.Device.Download(v[:], l.scale.Grad)
	v[0] += float32(g)
	l.Model.towers.Device.Upload(l.scale.Grad, v[:])
}

// ClipScale brings the scale back to at most 100, "to prevent scaling the logits
// by more than 100 which we found necessary to prevent training instability".
func (l *Learner) ClipScale() {
	var v [1]float32
	l.Model.towers.Device.Download(v[:], l.scale.Value)
	if most := float32(math.Log(maxScale)); v[0] > most {
		l.Model.towers.Device.Upload(l.scale.Value, []float32{most})
	}
}

// Weights are copies of all weights as they are.
func (l *Learner) Weights() *checkpoint.Weights {
	c := l.Model.config
	w := &checkpoint.Weights{Tensors: map[string]checkpoint.Tensor{}, Activation: c.Activation, Eps: c.Eps,
		VisionHeads: c.VisionHeads, TextHeads: c.TextHeads, Mean: c.Mean, Std: c.Std}
	values := l.Model.towers.Params.Values()
	c.tensors(func(name string, shape ...int) {
		w.Tensors[name] = checkpoint.InMemory(values[name], shape...)
	})
	return w
}
