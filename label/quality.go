package label

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/clipcue/clipcue/internal/crash"
)

// Interval is an estimate with the central 95 % of its posterior distribution.
type Interval struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Target is what an operating point has to reach. One of the two is 0.
type Target struct {
	Precision float64 `json:"precision,omitempty"`
	Recall    float64 `json:"recall,omitempty"`
}

// Check returns an error unless exactly one of the two is set, to at most 1.
func (t Target) Check() error {
	if p, r := t.Precision, t.Recall; !(p >= 0 && p <= 1 && r >= 0 && r <= 1) || (p > 0) == (r > 0) {
		return fmt.Errorf("the operating point must be a precision or a recall from 0 to 1, got precision %g and recall %g", p, r)
	}
	return nil
}

// Quality is an estimate of how well a head works at an operating point.
type Quality struct {
	Target    Target  `json:"target"`
	Reached   bool    `json:"reached"`   // whether the mean estimate reaches the target
	Threshold float64 `json:"threshold"` // of the scores
	// Precision is the estimated share of the archive's moments with at least this score
	// that show the label.
	Precision Interval `json:"precision"`
	// Recall is the estimated share of the marked positive videos that are found. It says
	// nothing about moments that no mark resembles.
	Recall  Interval `json:"recall"`
	Moments int      `json:"moments"` // with at least this score
	Marks   int      `json:"marks"`
	Videos  int      `json:"videos"` // with marks
}

// folds is the number of parts of a cross-validation.
const folds = 5

// held is the score of a mark under a head that saw no mark of its video.
type held struct {
	Mark
	score float64
}

// Quality finds the lowest threshold that reaches the precision of the target, or the
// highest that reaches its recall, and estimates the quality there. If none does, it
// returns the one that comes closest. The target refers to the archive as it is now: with
// more videos the threshold moves, and its meaning stays.
//
// Marks are scored by heads that saw no mark of the same video. A logistic regression on
// these scores gives the probability that a moment of a score shows the label, and the
// precision is its mean over the archive's moments above the threshold. Marks are selected
// by score, which does not bias this probability. Moments that are marked count as they
// are marked.
func (t *Teacher) Quality(ctx context.Context, target Target) (Quality, error) {
	q := Quality{Target: target, Marks: len(t.marks)}
	if err := target.Check(); err != nil {
		return q, err
	}
	unmarked := t.unmarked(t.scores)
	marks, videos, err := t.crossValidate(ctx, t.p, func(h *Head) func(Mark) float64 {
		theirs := t.unmarked(t.p.scores(h))
		return func(k Mark) float64 { return translate(float32(t.p.markScore(h, k)), theirs, unmarked) }
	})
	q.Videos = videos
	if err != nil {
		return q, err
	}
	c, err := calibrate(marks)
	if err != nil {
		return q, err
	}
	ranking := t.ranking(c)
	if target.Recall > 0 {
		q.Threshold, q.Reached = recalling(marks, target.Recall)
	} else {
		q.Threshold, q.Reached = ranking.reaching(target.Precision)
	}
	q.Moments = ranking.above(q.Threshold)
	q.Precision = ranking.precision(q.Moments, c)
	b := found(marks, q.Threshold)
	q.Recall = Interval{b.Mean(), b.Quantile(0.025), b.Quantile(0.975)}
	return q, nil
}

// crossValidate scores the marks of each part of the videos by a head that learned from
// the other parts.
func (t *Teacher) crossValidate(ctx context.Context, p *problem, score func(*Head) func(Mark) float64) (out []held, videos int, err error) {
	part := t.parts(folds)
	if err := t.estimable(); err != nil {
		return nil, len(part), err
	}
	out = make([]held, len(t.marks))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for f := range folds {
		group.Go(func() error {
			defer crash.Recover()
			var learn []Mark
			skip := map[int64]bool{}
			for _, k := range t.marks {
				if part[k.Video] == f {
					skip[k.Video] = true
				} else {
					learn = append(learn, k)
				}
			}
			if len(skip) == 0 || ctx.Err() != nil {
				return ctx.Err()
			}
			h, err := p.fit(learn, skip)
			if err != nil {
				return err
			}
			of := score(h)
			for i, k := range t.marks {
				if part[k.Video] == f {
					out[i] = held{k, of(k)}
				}
			}
			return nil
		})
	}
	return out, len(part), group.Wait()
}

// estimable returns an error unless the marks allow a cross-validation.
func (t *Teacher) estimable() error {
	positive := map[int64]bool{}
	negative := false
	for _, k := range t.marks {
		if k.Positive {
			positive[k.Video] = true
		} else {
			negative = true
		}
	}
	switch {
	case len(positive) == 0:
		return ErrNoPositives
	case !negative:
		return ErrNoNegatives
	case len(positive) < 2:
		return ErrFewVideos
	}
	return nil
}

// unmarked returns the sorted scores of the moments that overlap no mark.
func (t *Teacher) unmarked(scores []float32) (out []float32) {
	touched := t.p.m.touched(t.marks, 0)
	for i, s := range scores {
		if !touched[i] {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// translate returns the score that has the same rank among others as a score has among
// those of its own head. Heads that learned from fewer marks have other scales.
func translate(score float32, own, others []float32) float64 {
	n := len(own)
	switch i, _ := slices.BinarySearch(own, score); {
	case n == 0:
		return float64(score)
	case i == n:
		return float64(others[n-1]) + float64(score-own[n-1])
	default:
		return float64(others[i])
	}
}

// parts assigns the videos with marks to n parts, those with positive marks first, so that
// each part has some.
func (t *Teacher) parts(n int) map[int64]int {
	count := map[int64]int{}
	for _, k := range t.marks {
		count[k.Video] += 0
		if k.Positive {
			count[k.Video]++
		}
	}
	videos := make([]int64, 0, len(count))
	for v := range count {
		videos = append(videos, v)
	}
	slices.SortFunc(videos, func(a, b int64) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	out := map[int64]int{}
	for i, v := range videos {
		out[v] = i % n
	}
	return out
}

// recalling returns the highest threshold at which a share of the marked videos is found.
func recalling(marks []held, recall float64) (threshold float64, reached bool) {
	var scores []float64
	for _, k := range marks {
		if k.Positive {
			scores = append(scores, k.score)
		}
	}
	slices.Sort(scores)
	for _, threshold := range slices.Backward(scores) {
		if b := found(marks, threshold); b.Mean() >= recall {
			return threshold, true
		}
	}
	return scores[0], false
}

// found returns the distribution of the share of positive marks above a threshold, from
// Jeffreys' prior. Each video counts once, with the mean of its marks.
func found(marks []held, threshold float64) distuv.Beta {
	videos := map[int64][2]float64{}
	for _, k := range marks {
		if !k.Positive {
			continue
		}
		v := videos[k.Video]
		v[0]++
		if k.score >= threshold {
			v[1]++
		}
		videos[k.Video] = v
	}
	b := distuv.Beta{Alpha: 0.5, Beta: 0.5}
	for _, v := range videos {
		b.Alpha += v[1] / v[0]
		b.Beta += 1 - v[1]/v[0]
	}
	return b
}
