package label

import (
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/clipcue/clipcue/internal/compute"
)

// kernel is the part of a trained head that is not linear: a Gaussian process with
// covariance amplitude·exp(-d²/2), where d is the distance of two inputs, of which random
// ones are 1 apart in mean square.
type kernel struct {
	mean    []float32   // [E+M]
	white   [][]float32 // [E,E], a lower triangle
	scale   [2]float32  // of whitened embeddings and motions
	points  [][]float32 // [n,E+M], the inputs of the marks
	norms   []float64   // their squares
	weights []float64   // [n]
	x, y    []float32   // scratch [E+M]
}

// amplitude is the variance of the log-odds that marks may add to those of the text.
const amplitude = 20

// fitKernel learns a head with a kernel. Without marks it is that of fit.
func (p *problem) fitKernel(marks []Mark, skip map[int64]bool) (*Head, error) {
	examples, err := p.examples(marks, skip)
	if err != nil {
		return nil, err
	}
	reached := p.reaching(marks, skip)
	var square float64 // the mean square of an input
	for k := range p.scale {
		if p.scale[k] > 0 {
			ratio := reached.scale[k] / p.scale[k]
			square += ratio * ratio / 2
		}
	}
	for k := range reached.scale {
		reached.scale[k] /= math.Sqrt(2 * max(square, 1e-12))
	}
	few := p.few(marks, skip)
	in := reached.inputs(few)
	covariance := mat.NewSymDense(len(few), nil)
	for i := range few {
		for j := i; j < len(few); j++ {
			distance := compute.Dot(in.x[i], in.x[i]) + compute.Dot(in.x[j], in.x[j]) - 2*compute.Dot(in.x[i], in.x[j])
			covariance.SetSym(i, j, in.shared(i, j)+amplitude*math.Exp(-distance/2))
		}
	}
	a, _ := posterior(covariance, in.offset, few)
	theta := make([]float64, p.parameters())
	fixed := theta[len(p.m.stats().mean):]
	for i, f := range in.fixed {
		for j := range fixed {
			fixed[j] += a[i] * f[j]
		}
	}
	h := reached.head(theta)
	h.kernel = reached.kernel(in.x, a)
	h.Threshold, h.Spread = p.threshold(h, examples)
	return h, nil
}

// kernel returns the kernel of points with weights.
func (p *problem) kernel(points [][]float32, weights []float64) *kernel {
	e, s := p.m.embed, p.m.stats()
	k := &kernel{mean: make([]float32, len(s.mean)), points: points, weights: weights, scale: [2]float32{float32(p.scale[0]), float32(p.scale[1])}}
	for i, v := range s.mean {
		k.mean[i] = float32(v)
	}
	var inverse mat.TriDense
	_ = inverse.InverseTri(&s.white.lower) // returns an error for a high condition number only
	for i := range e {
		row := make([]float32, i+1)
		for j := range row {
			row[j] = float32(inverse.At(i, j))
		}
		k.white = append(k.white, row)
	}
	for _, x := range points {
		k.norms = append(k.norms, compute.Dot(x, x))
	}
	return k
}

// clone returns a copy for another goroutine.
func (k *kernel) clone() *kernel {
	if k == nil {
		return nil
	}
	out := *k
	out.x, out.y = make([]float32, len(k.mean)), make([]float32, len(k.mean))
	return &out
}

// at returns what a kernel adds to the log-odds of a moment. It uses the scratch of k.
func (k *kernel) at(embedding, motion []float32) float64 {
	e := len(embedding)
	copy(k.x, embedding)
	copy(k.x[e:], motion)
	for i, v := range k.mean {
		k.x[i] -= v
	}
	for i, row := range k.white {
		k.y[i] = k.scale[0] * float32(compute.Dot(row, k.x[:i+1]))
	}
	for i := e; i < len(k.y); i++ {
		k.y[i] = k.scale[1] * k.x[i]
	}
	norm, sum := compute.Dot(k.y, k.y), 0.
	for i, p := range k.points {
		sum += k.weights[i] * math.Exp(-max(0, norm+k.norms[i]-2*compute.Dot(k.y, p))/2)
	}
	return amplitude * sum
}
