package label

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"

	"github.com/clipcue/clipcue/internal/compute"
)

// Mark says that a span of a video shows a label, or does not.
type Mark struct {
	Video      int64
	Start, End float64 // seconds
	Positive   bool
}

func (k Mark) span() span { return span{k.Video, k.Start, k.End} }

// Overlap returns the temporal IoU of two marks, 0 in different videos.
func (k Mark) Overlap(o Mark) float64 {
	shared := k.span().overlap(o.span())
	if shared == 0 {
		return 0
	}
	return shared / (k.End - k.Start + o.End - o.Start - shared)
}

// Head scores moments for one label: the dot product of Weights [E+M] with a moment's
// embedding [E] and motion [M], plus Bias and, for a trained head, a kernel. The score is a
// log-odds.
type Head struct {
	Weights []float32
	Bias    float64
	// Threshold is the score halfway between the positive marks and everything else. It is
	// +Inf without positive marks. [Teacher.Quality] finds better ones.
	Threshold float64
	// Spread is half the distance between the two, 0 without positive marks.
	Spread float64

	// Evidence is the weight of the evidence of [TeachWith]; 0 without any.
	Evidence float64

	kernel *kernel // of a trained head, or nil
}

// Score returns the score of a moment that is not in an archive, without evidence.
func (h *Head) Score(embedding, motion []float32) float64 {
	score := compute.Dot(h.Weights[:len(embedding)], embedding) + compute.Dot(h.Weights[len(embedding):], motion) + h.Bias
	if h.kernel != nil {
		score += h.kernel.clone().at(embedding, motion)
	}
	return score
}

// The prior of the head, a normal distribution over its parameters. Log-odds are
//
//	reach·(w·x) + (2 + 2v)·z + rareness + 2·u
//
// where w, v and u have mean 0 and variance 1; x is the whitened embedding (whitening.go)
// and the centered motion, each scaled to mean square 1/2 over the archive; z is the cosine
// with the text, standardized over the archive; and reach follows from the marks (reach.go).
// None of them depends on the backbone or its temperature. bench/teach compared other
// constants.
const (
	// textSlope makes a moment two standard deviations above the archive's mean e⁴ times as
	// likely. textSpread is how far marks that contradict the text may change that.
	textSlope, textSpread = 2, 2
	// evidenceSpread is the prior standard deviation of the weight of evidence. Marks are
	// mostly moments that the head found likely, so they overrate evidence.
	evidenceSpread = 1
	// rareness: before anything is known, 1 moment in 50 shows a label.
	rareness = -4
	// negatives is the number of unmarked moments that are taken as negatives. Together
	// they weigh as much as one mark: some of them may show the label.
	negatives = 256
	// perMark is the greatest number of moments of one mark that are learned from.
	perMark = 8
)

// Fit learns a head from marks and the embedding [E] of the label's text, of length 1.
// Without marks the head ranks moments as the text does.
func Fit(m *Moments, text []float32, marks []Mark) (*Head, error) {
	p, err := newProblem(m, text)
	if err != nil {
		return nil, err
	}
	return p.fit(marks, nil)
}

// problem holds what the fits of one label share.
type problem struct {
	m     *Moments
	text  []float32
	mean  float64 // of the cosines with the text
	sd    float64
	scale [2]float64 // of embeddings and motions, for a reach of 1
	// trained is whether heads have a kernel.
	trained  bool
	evidence []float32 // of each moment, or nil
}

// parameters returns the number of those of a head.
func (p *problem) parameters() int {
	n := len(p.m.stats().mean) + 2 // w, v, u
	if p.evidence != nil {
		n++
	}
	return n
}

func newProblem(m *Moments, text []float32) (*problem, error) {
	switch {
	case m.Len() == 0:
		return nil, ErrNoMoments
	case len(text) != m.embed:
		return nil, fmt.Errorf("the text embedding has width %d, want %d", len(text), m.embed)
	}
	s := m.stats()
	p := &problem{m: m, text: text, scale: s.scale}
	for _, i := range s.order {
		c := compute.Dot(text, m.embedding(i))
		p.mean += c
		p.sd += c * c
	}
	n := float64(len(s.order))
	p.mean /= n
	p.sd = math.Sqrt(max(0, p.sd/n-p.mean*p.mean))
	if p.sd < 1e-6 { // all moments are the same
		p.sd = 1
	}
	return p, nil
}

// example is a moment to learn from.
type example struct {
	row    int
	target float64 // 1 or 0
	weight float64
}

// examples returns the moments of the marks, and weak negatives outside these and outside
// the videos to skip.
func (p *problem) examples(marks []Mark, skip map[int64]bool) ([]example, error) {
	var out []example
	for _, k := range marks {
		rows := spread(p.m.showing(k), perMark)
		if len(rows) == 0 {
			return nil, &MarkError{k}
		}
		target := 0.
		if k.Positive {
			target = 1
		}
		for _, i := range rows {
			out = append(out, example{i, target, 1 / float64(len(rows))})
		}
	}
	return append(out, p.weak(marks, skip, negatives)...), nil
}

// weak returns n unmarked moments as negatives, which together weigh as much as one mark.
func (p *problem) weak(marks []Mark, skip map[int64]bool, n int) (out []example) {
	touched := p.m.touched(marks, 0)
	for _, i := range p.m.stats().order {
		if len(out) == n {
			break
		}
		if !touched[i] && !skip[p.m.spans[i].video] {
			out = append(out, example{row: i})
		}
	}
	for i := range out {
		out[i].weight = 1 / float64(len(out))
	}
	return out
}

// spread returns at most n of the rows, evenly.
func spread(rows []int, n int) []int {
	if len(rows) <= n {
		return rows
	}
	out := make([]int, n)
	for i := range out {
		out[i] = rows[(2*i+1)*len(rows)/(2*n)]
	}
	return out
}

// fit learns a head. No weak negative is taken from the videos to skip.
func (p *problem) fit(marks []Mark, skip map[int64]bool) (*Head, error) {
	theta := make([]float64, p.parameters())
	if len(marks) == 0 {
		return p.head(theta), nil
	}
	if p.trained {
		return p.fitKernel(marks, skip)
	}
	examples, err := p.examples(marks, skip)
	if err != nil {
		return nil, err
	}
	reached := p.reaching(marks, skip)
	x := mat.NewDense(len(examples), len(theta), nil)
	offset := make([]float64, len(examples))
	for i, e := range examples {
		offset[i] = reached.features(x.RawRowView(i), e.row)
	}
	if theta, err = maximize(x, offset, examples); err != nil {
		return nil, err
	}
	h := reached.head(theta)
	h.Threshold, h.Spread = p.threshold(h, examples)
	return h, nil
}

// features writes what theta is multiplied by, and returns the log-odds at theta 0.
func (p *problem) features(dst []float64, row int) float64 {
	e, s := p.m.embed, p.m.stats()
	w := dst[:len(s.mean)]
	p.m.input(s, w, row)
	floats.Scale(p.scale[0], w[:e])
	floats.Scale(p.scale[1], w[e:])
	z := (compute.Dot(p.text, p.m.embedding(row)) - p.mean) / p.sd
	dst[len(w)], dst[len(w)+1] = textSpread*z, 2
	if p.evidence != nil {
		dst[len(w)+2] = evidenceSpread * float64(p.evidence[row])
	}
	return textSlope*z + rareness
}

// maximize returns the most probable theta. The posterior is log-concave, so there is one.
func maximize(x *mat.Dense, offset []float64, examples []example) ([]float64, error) {
	n, width := x.Dims()
	odds, slope := mat.NewVecDense(n, nil), mat.NewVecDense(n, nil)
	logits := func(theta []float64) {
		odds.MulVec(x, mat.NewVecDense(width, theta))
		floats.Add(odds.RawVector().Data, offset)
	}
	problem := optimize.Problem{
		Func: func(theta []float64) float64 {
			logits(theta)
			loss := floats.Dot(theta, theta) / 2
			for i, e := range examples {
				f := odds.AtVec(i)
				loss += e.weight * (softplus(f) - e.target*f)
			}
			return loss
		},
		Grad: func(grad, theta []float64) {
			logits(theta)
			for i, e := range examples {
				slope.SetVec(i, e.weight*(1/(1+math.Exp(-odds.AtVec(i)))-e.target))
			}
			g := mat.NewVecDense(width, grad)
			g.MulVec(x.T(), slope)
			floats.Add(grad, theta)
		},
	}
	result, err := optimize.Minimize(problem, make([]float64, width), &optimize.Settings{
		GradientThreshold: 1e-4, MajorIterations: 200,
		Converger: &optimize.FunctionConverge{Absolute: 1e-7, Relative: 1e-7, Iterations: 3},
	}, &optimize.LBFGS{})
	if result == nil {
		return nil, fmt.Errorf("the head did not converge: %w", err)
	}
	return result.X, nil // a line search that stops early has reached the rounding errors
}

// softplus returns log(1+eˣ).
func softplus(x float64) float64 { return max(0, x) + math.Log1p(math.Exp(-math.Abs(x))) }

// head folds centering, scaling and the text into one vector.
func (p *problem) head(theta []float64) *Head {
	e, s := p.m.embed, p.m.stats()
	w := slices.Clone(theta[:len(s.mean)])
	floats.Scale(p.scale[0], w[:e])
	floats.Scale(p.scale[1], w[e:])
	s.white.weights(w[:e])
	slope := textSlope + textSpread*theta[len(w)]
	h := &Head{Weights: make([]float32, len(w)), Threshold: math.Inf(1),
		Bias: rareness + 2*theta[len(w)+1] - floats.Dot(w, s.mean) - slope*p.mean/p.sd}
	for i, v := range w {
		if i < e {
			v += slope / p.sd * float64(p.text[i])
		}
		h.Weights[i] = float32(v)
	}
	if p.evidence != nil {
		h.Evidence = evidenceSpread * theta[len(w)+2]
	}
	return h
}

// threshold returns the middle between the mean scores of positive and other examples,
// and half their distance.
func (p *problem) threshold(h *Head, examples []example) (middle, half float64) {
	var sum, weight [2]float64
	score := p.scoring(h)
	for _, e := range examples {
		k := int(e.target)
		sum[k] += e.weight * score(e.row)
		weight[k] += e.weight
	}
	if weight[0] == 0 || weight[1] == 0 {
		return math.Inf(1), 0
	}
	negative, positive := sum[0]/weight[0], sum[1]/weight[1]
	return (positive + negative) / 2, max(0, positive-negative) / 2
}

// scores returns the scores of all moments.
func (p *problem) scores(h *Head) []float32 {
	out := p.m.Scores(h)
	for i, x := range p.evidence {
		out[i] += float32(h.Evidence) * x
	}
	return out
}

// scoring returns a function that returns the score of one moment.
func (p *problem) scoring(h *Head) func(row int) float64 {
	s := newScorer(h, p.m.embed, p.m.stride)
	return func(row int) float64 {
		var out [1]float32
		s.score(out[:], p.m, row)
		if p.evidence != nil {
			return float64(out[0]) + h.Evidence*float64(p.evidence[row])
		}
		return float64(out[0])
	}
}
