package label

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distmv"
	"gonum.org/v1/gonum/stat/distuv"
)

// calibration is the probability that a moment of a score shows the label: the logistic
// function of slope·score + shift, with some of the lines that the marks allow.
type calibration struct {
	best  line
	lines []line
}

type line struct{ slope, shift float64 }

func (l line) at(score float64) float64 { return 1 / (1 + math.Exp(-l.slope*score-l.shift)) }

// The prior of a calibration: scores are log-odds already, as far as the head is right.
// lines is the number of lines that are drawn from the posterior.
const (
	slopeSpread, shiftSpread = 1, 3
	leastSlope               = 0.05
	lines                    = 200
)

// calibrate fits a calibration to scores of marks. A video with n marks weighs as √n
// marks, because its moments resemble each other.
func calibrate(marks []held) (calibration, error) {
	count := map[int64]float64{}
	for _, k := range marks {
		count[k.Video]++
	}
	x := mat.NewDense(len(marks), 2, nil)
	offset, examples := make([]float64, len(marks)), make([]example, len(marks))
	for i, k := range marks {
		x.SetRow(i, []float64{slopeSpread * k.score, shiftSpread})
		offset[i], examples[i].weight = k.score, 1/math.Sqrt(count[k.Video])
		if k.Positive {
			examples[i].target = 1
		}
	}
	theta, err := maximize(x, offset, examples)
	if err != nil {
		return calibration{}, err
	}
	c := calibration{best: newLine(theta)}
	curvature := mat.NewSymDense(2, []float64{1, 0, 0, 1})
	for i, e := range examples {
		p := c.best.at(offset[i])
		curvature.SymRankOne(curvature, e.weight*p*(1-p), x.RowView(i))
	}
	posterior, _ := distmv.NewNormalPrecision(theta, curvature, rand.NewPCG(1, 2))
	for range lines {
		c.lines = append(c.lines, newLine(posterior.Rand(nil)))
	}
	return c, nil
}

// newLine returns the line of a standardized slope and shift. A higher score never means
// a lower probability.
func newLine(theta []float64) line {
	return line{max(leastSlope, 1+slopeSpread*theta[0]), shiftSpread * theta[1]}
}

// ranking is the archive by falling score.
type ranking struct {
	scores []float64
	chance []float64 // that each moment shows the label; 1 or 0 if it is marked
	marked []bool
	videos []int64
}

func (t *Teacher) ranking(c calibration) *ranking {
	marked := map[int]bool{}
	for _, k := range t.marks {
		for _, i := range t.p.m.showing(k) {
			if s := t.p.m.spans[i]; s.overlap(k.span()) >= 0.9*(s.end-s.start) {
				marked[i] = k.Positive
			}
		}
	}
	order := make([]int, len(t.scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(t.scores[b], t.scores[a]), a-b) })
	r := &ranking{}
	for _, i := range order {
		positive, known := marked[i]
		chance := 0.
		switch {
		case !known:
			chance = c.best.at(float64(t.scores[i]))
		case positive:
			chance = 1
		}
		r.scores, r.chance = append(r.scores, float64(t.scores[i])), append(r.chance, chance)
		r.marked, r.videos = append(r.marked, known), append(r.videos, t.p.m.spans[i].video)
	}
	return r
}

// reaching returns the lowest threshold with a precision at which a moment is still more
// likely right than wrong, or the one that comes closest. Certain moments would otherwise
// make up for others that are nearly all wrong.
func (r *ranking) reaching(precision float64) (threshold float64, reached bool) {
	sum, best, closest := 0., -1, 0
	most := 0.
	for i, p := range r.chance {
		if !r.marked[i] && p < min(0.5, precision) {
			break
		}
		sum += p
		if i+1 < len(r.scores) && r.scores[i+1] == r.scores[i] {
			continue
		}
		mean := sum / float64(i+1)
		if mean >= precision {
			best = i
		}
		if mean > most {
			closest, most = i, mean
		}
	}
	if best < 0 {
		return r.scores[closest], false
	}
	return r.scores[best], true
}

// above returns the number of moments with at least a score.
func (r *ranking) above(threshold float64) int {
	n, _ := slices.BinarySearchFunc(r.scores, threshold, func(s, threshold float64) int {
		if s >= threshold {
			return -1
		}
		return 1
	})
	return n
}

// drawn is the number of moments that an interval is computed from.
const drawn = 2000

// precision returns the precision of the first n moments. Its interval has two parts: what
// the marks leave open about the calibration, and chance: the moments of a video are right
// or wrong together, so it is that of as many coins as there are videos.
func (r *ranking) precision(n int, c calibration) Interval {
	if n == 0 {
		return Interval{0, 0, 1}
	}
	all := make([]int, n)
	videos := map[int64]bool{}
	var mean float64
	for i := range all {
		all[i], videos[r.videos[i]] = i, true
		mean += r.chance[i] / float64(n)
	}
	rows := spread(all, drawn)
	source := rand.NewPCG(3, 4)
	shares := make([]float64, len(c.lines))
	for j, l := range c.lines {
		var p float64
		for _, i := range rows {
			if r.marked[i] {
				p += r.chance[i]
			} else {
				p += l.at(r.scores[i])
			}
		}
		coins := distuv.Binomial{N: float64(len(videos)), P: p / float64(len(rows)), Src: source}
		shares[j] = coins.Rand() / coins.N
	}
	slices.Sort(shares)
	return Interval{mean, min(mean, stat.Quantile(0.025, stat.Empirical, shares, nil)), max(mean, stat.Quantile(0.975, stat.Empirical, shares, nil))}
}
