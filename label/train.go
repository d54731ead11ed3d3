package label

import (
	"context"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// Train is [Teach] with a head that is not linear: its log-odds are a Gaussian process
// around those of the text, whose covariance is a kernel on embeddings and motions. It can
// learn labels that are several things, but takes longer to score moments.
// [Teacher.Compare] tells whether it is better.
func Train(m *Moments, text []float32, marks []Mark) (*Teacher, error) {
	return teach(m, text, marks, true, nil)
}

// Method is how a head is trained.
type Method string

// The methods.
const (
	Linear     Method = "linear"     // [Teach]
	Kernel     Method = "kernel"     // [Train]
	Recognizer Method = "recognizer" // [TeachWith], with the evidence of recognizers
)

// Comparison compares a linear head with a trained one.
type Comparison struct {
	Method Method `json:"method"` // of the trained head
	// LinearLoss and TrainedLoss are the mean log loss, in nats, of marks under heads that saw
	// no mark of the same video. Each video counts once.
	LinearLoss  float64 `json:"linear_loss"`
	TrainedLoss float64 `json:"trained_loss"`
	// Error is the standard error of the difference. Better is whether the loss of the
	// trained head is lower by more than that.
	Error  float64 `json:"error"`
	Better bool    `json:"better"`
	// LinearRank and TrainedRank are the geometric means of the ranks of the positive marks
	// among the moments that are not marked; 0 if they were not compared.
	LinearRank  float64 `json:"linear_rank,omitempty"`
	TrainedRank float64 `json:"trained_rank,omitempty"`
	Marks       int     `json:"marks"`
	Videos      int     `json:"videos"` // with marks
}

// Compare compares the heads of [Teach] and [Train] by the cross-validation of
// [Teacher.Quality].
func (t *Teacher) Compare(ctx context.Context) (Comparison, error) {
	p := *t.linear()
	p.trained = true
	return t.compare(ctx, &p, Kernel)
}

// CompareWith compares the heads of [Teach] and [TeachWith] in the same way. The comparison
// also needs that positive marks do not rank lower among all moments: marks are moments that
// the linear head suggested, so they do not show where other heads are wrong.
func (t *Teacher) CompareWith(ctx context.Context, evidence []float32) (Comparison, error) {
	p := *t.linear()
	p.evidence = evidence
	c, err := t.compare(ctx, &p, Recognizer)
	if err != nil {
		return c, err
	}
	linear, err := t.ranks(ctx, t.linear())
	if err != nil {
		return c, err
	}
	with, err := t.ranks(ctx, &p)
	c.LinearRank, c.TrainedRank = math.Exp(stat.Mean(linear, nil)), math.Exp(stat.Mean(with, nil))
	c.Better = c.Better && c.TrainedRank <= c.LinearRank
	return c, err
}

// linear returns the problem of a linear head.
func (t *Teacher) linear() *problem {
	p := *t.p
	p.trained, p.evidence = false, nil
	return &p
}

// compare compares the linear head with that of another problem.
func (t *Teacher) compare(ctx context.Context, other *problem, method Method) (Comparison, error) {
	losses := [2]map[int64]float64{}
	c := Comparison{Method: method, Marks: len(t.marks)}
	for i, p := range []*problem{t.linear(), other} {
		marks, videos, err := t.crossValidate(ctx, p, func(h *Head) func(Mark) float64 {
			return func(k Mark) float64 { return p.markScore(h, k) }
		})
		c.Videos = videos
		if err != nil {
			return c, err
		}
		losses[i] = videoLosses(marks)
	}
	var linear, trained, gain []float64
	for video, loss := range losses[0] {
		linear, trained = append(linear, loss), append(trained, losses[1][video])
		gain = append(gain, loss-losses[1][video])
	}
	slices.Sort(gain) // a sum that does not depend on the order of the map
	c.LinearLoss, c.TrainedLoss = stat.Mean(linear, nil), stat.Mean(trained, nil)
	mean, sd := stat.MeanStdDev(gain, nil)
	c.Error = sd / math.Sqrt(float64(len(gain)))
	c.Better = mean > c.Error
	return c, nil
}

// ranks returns the logarithms of the ranks of the positive marks among unmarked moments,
// under heads that saw no mark of the same video.
func (t *Teacher) ranks(ctx context.Context, p *problem) (out []float64, err error) {
	marks, _, err := t.crossValidate(ctx, p, func(h *Head) func(Mark) float64 {
		unmarked := t.unmarked(p.scores(h))
		return func(k Mark) float64 {
			below, _ := slices.BinarySearch(unmarked, float32(p.markScore(h, k)))
			return math.Log(float64(1 + len(unmarked) - below))
		}
	})
	for _, k := range marks {
		if k.Positive {
			out = append(out, k.score)
		}
	}
	return out, err
}

// videoLosses returns the mean log loss of the marks of each video.
func videoLosses(marks []held) map[int64]float64 {
	sum, count := map[int64]float64{}, map[int64]float64{}
	for _, k := range marks {
		loss := softplus(k.score)
		if k.Positive {
			loss -= k.score
		}
		sum[k.Video] += loss
		count[k.Video]++
	}
	for video := range sum {
		sum[video] /= count[video]
	}
	return sum
}
