package label

import (
	"math"
	"sync"

	"gonum.org/v1/gonum/mat"

	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
)

// reaches are candidates of how far the weights of embeddings and of motions may move from
// the text. Small ones suit labels that the text finds well, and large ones those that
// differ by something that the text does not express. The reach of motions has small
// candidates too: a label of what is visible learns the motions of the few videos that are
// marked otherwise.
var reaches = [][2]float64{{0.1, 0.1}, {0.3, 0.3}, {1, 0.3}, {1, 1}, {3, 1}, {8, 1}, {1, 3}, {1, 8}}

const (
	// evident is the greatest number of marks that choose the reach.
	evident = 150
	// unmarked is the number of unmarked moments that are taken as negatives for this.
	unmarked = 100
)

// reaching returns the problem with the reach that the marks call for: the geometric mean of
// the candidates, weighted by their marginal likelihood (by Laplace's approximation). This is
// how a fit without validation data knows whether the text or the marks should decide.
func (p *problem) reaching(marks []Mark, skip map[int64]bool) *problem {
	examples := p.few(marks, skip)
	likelihood := p.likelihoods(examples)
	top := math.Inf(-1)
	for _, l := range likelihood {
		top = max(top, l)
	}
	var sum float64
	var reach [2]float64 // logarithms
	for i, l := range likelihood {
		weight := math.Exp(l - top)
		sum += weight
		for k := range reach {
			reach[k] += weight * math.Log(reaches[i][k])
		}
	}
	out := *p
	for k := range reach {
		out.scale[k] *= math.Exp(reach[k] / sum)
	}
	return &out
}

// few returns one example for each of at most evident marks, and weak negatives.
func (p *problem) few(marks []Mark, skip map[int64]bool) (out []example) {
	all := make([]int, len(marks))
	for i := range all {
		all[i] = i
	}
	for _, i := range spread(all, evident) {
		rows := p.m.showing(marks[i])
		target := 0.
		if marks[i].Positive {
			target = 1
		}
		out = append(out, example{rows[len(rows)/2], target, 1})
	}
	return append(out, p.weak(marks, skip, unmarked)...)
}

// inputs holds what the log-odds of examples depend on: their inputs [E+M]; the standardized
// cosine with the text, the constant and the evidence, each times its spread; and the log-odds
// of the text.
type inputs struct {
	x      [][]float32
	fixed  [][3]float64
	offset []float64
}

func (p *problem) inputs(examples []example) (in inputs) {
	row := make([]float64, p.parameters())
	n := len(p.m.stats().mean)
	for _, k := range examples {
		in.offset = append(in.offset, p.features(row, k.row))
		x := make([]float32, n)
		for j := range x {
			x[j] = float32(row[j])
		}
		fixed := [3]float64{}
		copy(fixed[:], row[n:])
		in.x, in.fixed = append(in.x, x), append(in.fixed, fixed)
	}
	return in
}

// shared returns the covariance of two log-odds that follows from the text, the
// constant and the evidence.
func (in inputs) shared(i, j int) float64 {
	a, b := in.fixed[i], in.fixed[j]
	return a[0]*b[0] + a[1]*b[1] + a[2]*b[2]
}

// likelihoods returns the logarithm of the marginal likelihood of each candidate.
func (p *problem) likelihoods(examples []example) []float64 {
	n, e := len(examples), p.m.embed
	in := p.inputs(examples)
	var gram [3]*mat.SymDense // of embeddings, motions, and what has no reach
	for k := range gram {
		gram[k] = mat.NewSymDense(n, nil)
	}
	for i := range n {
		for j := i; j < n; j++ {
			gram[0].SetSym(i, j, compute.Dot(in.x[i][:e], in.x[j][:e]))
			gram[1].SetSym(i, j, compute.Dot(in.x[i][e:], in.x[j][e:]))
			gram[2].SetSym(i, j, in.shared(i, j))
		}
	}
	out := make([]float64, len(reaches))
	var group sync.WaitGroup
	for c, reach := range reaches {
		group.Go(func() {
			defer crash.Recover()
			var covariance, motion mat.SymDense
			covariance.ScaleSym(reach[0]*reach[0], gram[0])
			motion.ScaleSym(reach[1]*reach[1], gram[1])
			covariance.AddSym(&covariance, &motion)
			covariance.AddSym(&covariance, gram[2])
			_, out[c] = posterior(&covariance, in.offset, examples)
		})
	}
	group.Wait()
	return out
}

// posterior returns the most probable log-odds of examples that have a normal prior with
// mean offset, as a where the log-odds are covariance·a + offset. It also returns the
// logarithm of the marginal likelihood, by Laplace's approximation. Newton's method finds
// the mode (Rasmussen and Williams, Gaussian Processes, algorithm 3.1).
func posterior(covariance *mat.SymDense, offset []float64, examples []example) ([]float64, float64) {
	n := len(examples)
	density := func(a, f *mat.VecDense) float64 {
		sum := -mat.Dot(a, f) / 2
		for i, e := range examples {
			odds := f.AtVec(i) + offset[i]
			sum -= e.weight * (softplus(odds) - e.target*odds)
		}
		return sum
	}
	a, f := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil) // f = covariance·a
	best := density(a, f)
	for range 30 {
		step, _ := newton(covariance, offset, examples, f)
		step.SubVec(step, a)
		gain := 0.
		for rate := 1.; rate > 1e-3 && gain <= 0; rate /= 2 {
			var na, nf mat.VecDense
			na.AddScaledVec(a, rate, step)
			nf.MulVec(covariance, &na)
			if d := density(&na, &nf); d > best {
				gain = d - best
				a, f, best = &na, &nf, d
			}
		}
		if gain < 1e-3 {
			break
		}
	}
	_, determinant := newton(covariance, offset, examples, f)
	return a.RawVector().Data, best - determinant/2
}

// newton returns the next estimate of a, and the logarithm of the determinant of
// I + √W·covariance·√W, where W is the curvature at f.
func newton(covariance *mat.SymDense, offset []float64, examples []example, f *mat.VecDense) (*mat.VecDense, float64) {
	n := len(examples)
	root, b := make([]float64, n), mat.NewVecDense(n, nil)
	for i, e := range examples {
		p := 1 / (1 + math.Exp(-f.AtVec(i)-offset[i]))
		w := max(1e-9, e.weight*p*(1-p))
		root[i] = math.Sqrt(w)
		b.SetVec(i, w*f.AtVec(i)+e.weight*(e.target-p))
	}
	system := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			system.SetSym(i, j, root[i]*covariance.At(i, j)*root[j])
		}
		system.SetSym(i, i, 1+system.At(i, i))
	}
	var chol mat.Cholesky
	chol.Factorize(system) // I plus a positive semidefinite matrix
	var y mat.VecDense
	y.MulVec(covariance, b)
	for i := range n {
		y.SetVec(i, y.AtVec(i)*root[i])
	}
	_ = chol.SolveVecTo(&y, &y) // returns an error for a high condition number only
	for i := range n {
		b.SetVec(i, b.AtVec(i)-root[i]*y.AtVec(i))
	}
	return b, chol.LogDet()
}
