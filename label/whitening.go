package label

import (
	"math"
	"slices"
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/mat"
)

// whitening makes the variance of centered embeddings nearly the same in all directions.
// What varies most in an archive, such as backgrounds, is rarely what a label is about.
type whitening struct{ lower mat.TriDense } // L⁻¹x is white

// shrinkage is added to the covariance, relative to its mean eigenvalue. Without it, noise
// would have the same variance as everything else.
const shrinkage = 0.1

// measured is the greatest number of embeddings that the covariance is estimated from.
const measured = 2048

// newWhitening learns from centered embeddings, one per row.
func newWhitening(x *mat.Dense) *whitening {
	n, e := x.Dims()
	covariance := mat.NewSymDense(e, nil)
	covariance.SymOuterK(1/float64(n), x.T())
	mean := covariance.Trace() / float64(e)
	if mean < 1e-12 { // all embeddings are the same
		mean = 1
	}
	for i := range e {
		covariance.SetSym(i, i, covariance.At(i, i)+shrinkage*mean)
	}
	var chol mat.Cholesky
	chol.Factorize(covariance) // positive definite
	w := &whitening{}
	chol.LTo(&w.lower)
	return w
}

// apply whitens a centered embedding in place.
func (w *whitening) apply(x []float64) {
	blas64.Trsv(blas.NoTrans, w.lower.RawTriangular(), blas64.Vector{N: len(x), Data: x, Inc: 1})
}

// weights turns the weights of whitened embeddings into those of centered ones, in place.
func (w *whitening) weights(x []float64) {
	blas64.Trsv(blas.Trans, w.lower.RawTriangular(), blas64.Vector{N: len(x), Data: x, Inc: 1})
}

// stats describes the distribution of an archive's moments. They are measured on at most
// sampled moments, chosen by a hash of their place: moments that are added later replace
// few of them.
type stats struct {
	order []int // the sample
	mean  []float64
	white *whitening
	scale [2]float64 // of whitened embeddings and centered motions, to mean square 1/2

	// The inputs of some moments: of the sample, and of those that heads learned from.
	prepared map[int][]float64
	mu       sync.Mutex // guards recent
	recent   map[int][]float64
}

const (
	sampled = 4096
	// prepare is the number of moments of the sample of which the inputs are kept, and kept the
	// greatest number of other ones. Each new mark uses the same ones again.
	prepare, kept = 2 * negatives, 2048
)

func (m *Moments) measure() *stats {
	s := &stats{order: m.Sample(sampled), mean: make([]float64, m.embed+m.directions.Width()), scale: [2]float64{1, 1}, prepared: map[int][]float64{}, recent: map[int][]float64{}}
	if len(s.order) == 0 {
		return s
	}
	row := make([]float64, len(s.mean))
	for _, i := range s.order {
		m.row(row, i)
		for j, v := range row {
			s.mean[j] += v / float64(len(s.order))
		}
	}
	x := mat.NewDense(min(measured, len(s.order)), m.embed, nil)
	for r := range x.RawMatrix().Rows {
		m.row(row, s.order[r])
		for j := range m.embed {
			x.Set(r, j, row[j]-s.mean[j])
		}
	}
	s.white = newWhitening(x)
	var square [2]float64
	some := s.order[:min(prepare, len(s.order))]
	for _, i := range some {
		s.prepared[i] = make([]float64, len(s.mean))
		m.whiten(s, s.prepared[i], i)
		for j, v := range s.prepared[i] {
			k := 0
			if j >= m.embed {
				k = 1
			}
			square[k] += v * v / float64(len(some))
		}
	}
	for k := range square {
		if square[k] > 1e-9 {
			s.scale[k] = 1 / math.Sqrt(2*square[k])
		} else {
			s.scale[k] = 0
		}
	}
	return s
}

// input writes the whitened embedding and the centered motion of a moment to dst [E+M].
func (m *Moments) input(s *stats, dst []float64, i int) {
	known := s.prepared[i]
	if known == nil {
		s.mu.Lock()
		known = s.recent[i]
		s.mu.Unlock()
	}
	if known != nil {
		copy(dst, known)
		return
	}
	m.whiten(s, dst, i)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recent) >= kept {
		clear(s.recent)
	}
	s.recent[i] = slices.Clone(dst)
}

// whiten computes what input writes.
func (m *Moments) whiten(s *stats, dst []float64, i int) {
	m.row(dst, i)
	for j := range dst {
		dst[j] -= s.mean[j]
	}
	s.white.apply(dst[:m.embed])
}
