package nn

import (
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// AdamW is the optimizer of Loshchilov & Hutter (2019).
type AdamW struct {
	params            *Params
	m, v              []compute.Matrix
	Step              int // steps done
	WeightDecay       float64
	Beta1, Beta2, Eps float64
}

// NewAdamW returns an optimizer with PyTorch's defaults: betas 0.9 and 0.999, eps
// 1e-8.
func NewAdamW(p *Params, decay float64) *AdamW {
	o := &AdamW{params: p, WeightDecay: decay, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
	for _, q := range p.List {
		o.m = append(o.m, p.Device.New(q.Value.Rows, q.Value.Cols))
		o.v = append(o.v, p.Device.New(q.Value.Rows, q.Value.Cols))
	}
	return o
}

// Update makes one step against the gradients at the given learning rate.
func (o *AdamW) Update(learningRate float64) {
	o.Step++
	for i, q := range o.params.List {
		s := compute.AdamWStep{Step: o.Step, LearningRate: learningRate, Beta1: o.Beta1, Beta2: o.Beta2, Eps: o.Eps}
		if q.WeightDecay {
			s.WeightDecay = o.WeightDecay
		}
		o.params.Device.AdamW(q.Value, q.Grad, o.m[i], o.v[i], s)
	}
	o.params.Changed()
}

// Moments calls f for each parameter with its two moments, to save or restore them.
func (o *AdamW) Moments(f func(p *Param, m, v compute.Matrix)) {
	for i, q := range o.params.List {
		f(q, o.m[i], o.v[i])
	}
}

// GradNorm returns the L2 norm of all gradients together.
func GradNorm(p *Params) float64 {
	var sum float64
	for _, q := range p.List {
		sum += p.Device.Dot(q.Grad, q.Grad)
	}
	return math.Sqrt(sum)
}

// ClipGrad scales all gradients so that their norm is at most limit, as PyTorch's
// clip_grad_norm_ does. norm is their current norm. A limit of 0 does nothing.
func ClipGrad(p *Params, norm, limit float64) {
	if limit <= 0 || norm <= limit {
		return
	}
	for _, q := range p.List {
		p.Device.Scale(q.Grad, float32(limit/(norm+1e-6)))
	}
}
