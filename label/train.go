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
	return teach(m, text, marks, true)
}

// Comparison compares a linear head with a trained one.
type Comparison struct {
	// LinearLoss and TrainedLoss are the mean log loss, in nats, of marks under heads that saw
	// no mark of the same video. Each video counts once.
	LinearLoss  float64 `json:"linear_loss"`
	TrainedLoss float64 `json:"trained_loss"`
	// Error is the standard error of the difference. Better is whether the loss of the
	// trained head is lower by more than that.
	Error  float64 `json:"error"`
	Better bool    `json:"better"`
	Marks  int     `json:"marks"`
	Videos int     `json:"videos"` // with marks
}

// Compare compares the heads of [Teach] and [Train] by the cross-validation of
// [Teacher.Quality].
func (t *Teacher) Compare(ctx context.Context) (Comparison, error) {
	losses := [2]map[int64]float64{}
	c := Comparison{Marks: len(t.marks)}
	for kind, trained := range []bool{false, true} {
		p := *t.p
		p.trained = trained
		marks, videos, err := t.crossValidate(ctx, &p, func(h *Head) func(Mark) float64 {
			return func(k Mark) float64 { return p.markScore(h, k) }
		})
		c.Videos = videos
		if err != nil {
			return c, err
		}
		losses[kind] = videoLosses(marks)
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
