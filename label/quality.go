package label

import (
	"cmp"
	"context"
	"fmt"
	"math"
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
// Marks are scored by heads that saw no mark of the same video. Precision is estimated in
// strata of the archive's scores, so that confident marks do not count for uncertain
// moments; a stratum without marks widens the interval. Moments that are marked count as they
// are marked. Marks of one video count once in
// each stratum. The estimate assumes that the marks of a stratum are typical of its
// moments. Marks that were searched for are better than these, and those of the feed
// Uncertain are worse: bench/teach finds that the truth is more often above the interval
// than within it, and hardly ever below.
func (t *Teacher) Quality(ctx context.Context, target Target) (Quality, error) {
	q := Quality{Target: target, Marks: len(t.marks)}
	if p, r := target.Precision, target.Recall; !(p >= 0 && p <= 1 && r >= 0 && r <= 1) || (p > 0) == (r > 0) {
		return q, fmt.Errorf("the operating point must be a precision or a recall from 0 to 1, got precision %g and recall %g", p, r)
	}
	marks, videos, err := t.crossValidate(ctx)
	q.Videos = videos
	if err != nil {
		return q, err
	}
	known, unknown := t.divide()
	thresholds := make([]float64, len(marks))
	for i, k := range marks {
		thresholds[i] = k.score
	}
	slices.Sort(thresholds)
	best := math.Inf(-1)
	for _, threshold := range slices.Compact(thresholds) {
		at := estimate(known, unknown, marks, threshold)
		value, wanted := at.Precision.Mean, target.Precision
		if target.Recall > 0 {
			value, wanted = at.Recall.Mean, target.Recall
		}
		reached := value >= wanted
		switch {
		case reached && target.Precision > 0 && q.Reached: // a lower one does as well
			continue
		case !reached && (q.Reached || value <= best):
			continue
		}
		best = value
		at.Target, at.Marks, at.Videos, at.Reached = target, q.Marks, q.Videos, reached
		q = at
	}
	return q, nil
}

// crossValidate scores the marks of each part of the videos by a head that learned from
// the other parts.
func (t *Teacher) crossValidate(ctx context.Context) (out []held, videos int, err error) {
	part := t.parts()
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
		return nil, len(part), ErrNoPositives
	case !negative:
		return nil, len(part), ErrNoNegatives
	case len(positive) < 2:
		return nil, len(part), ErrFewVideos
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
			h, err := t.p.fit(learn, skip)
			for i, k := range t.marks {
				if err == nil && part[k.Video] == f {
					out[i] = held{k, t.p.markScore(h, k)}
				}
			}
			return err
		})
	}
	return out, len(part), group.Wait()
}

// parts assigns the videos with marks to parts, those with positive marks first, so that
// each part has some.
func (t *Teacher) parts() map[int64]int {
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
		out[v] = i % folds
	}
	return out
}

// divide returns the positive and negative moments that lie within marks, and the sorted scores
// of all others.
func (t *Teacher) divide() (known []held, unknown []float32) {
	marked := map[int]Mark{}
	for _, k := range t.marks {
		for _, i := range t.p.m.showing(k) {
			if s := t.p.m.spans[i]; s.overlap(k.span()) >= 0.9*(s.end-s.start) {
				marked[i] = k
			}
		}
	}
	for i, s := range t.scores {
		if k, ok := marked[i]; ok {
			known = append(known, held{k, float64(s)})
		} else {
			unknown = append(unknown, s)
		}
	}
	slices.Sort(unknown)
	return known, unknown
}

// strata is the number of parts of the moments above a threshold.
const strata = 4

// estimate returns the quality at a threshold. Marked moments count as they are marked,
// others as the held-out marks with similar scores.
func estimate(known []held, unknown []float32, marks []held, threshold float64) Quality {
	first, _ := slices.BinarySearch(unknown, float32(threshold))
	above := unknown[first:]
	var mean, variance float64
	moments := len(above)
	for _, k := range known {
		if k.score >= threshold {
			moments++
			if k.Positive {
				mean++
			}
		}
	}
	parts := min(strata, len(above))
	for s := range parts {
		low, high := s*len(above)/parts, (s+1)*len(above)/parts
		from, to := threshold, math.Inf(1)
		if s > 0 {
			from = float64(above[low])
		}
		if s+1 < parts {
			to = float64(above[high])
		}
		b := posterior(marks, func(k held) bool { return k.score >= from && k.score < to }, func(k held) bool { return k.Positive })
		n := float64(high - low)
		mean += n * b.Mean()
		variance += n*n*b.Variance() + n*b.Mean()*(1-b.Mean())
	}
	n := float64(max(1, moments))
	q := Quality{Threshold: threshold, Moments: moments, Precision: interval(mean/n, variance/n/n)}
	b := posterior(marks, func(k held) bool { return k.Positive }, func(k held) bool { return k.score >= threshold })
	q.Recall = interval(b.Mean(), b.Variance())
	return q
}

// posterior returns the distribution of the share of the counted marks that hold, from
// Jeffreys' prior. Each video counts once, with the mean of its marks.
func posterior(marks []held, counted, hold func(held) bool) distuv.Beta {
	videos := map[int64][2]float64{}
	for _, k := range marks {
		if !counted(k) {
			continue
		}
		v := videos[k.Video]
		v[0]++
		if hold(k) {
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

// interval returns the central 95 % of the beta distribution with this mean and variance.
func interval(mean, variance float64) Interval {
	if variance <= 0 || mean <= 0 || mean >= 1 {
		return Interval{mean, mean, mean}
	}
	n := max(1e-3, mean*(1-mean)/variance-1)
	b := distuv.Beta{Alpha: mean * n, Beta: (1 - mean) * n}
	return Interval{mean, b.Quantile(0.025), b.Quantile(0.975)}
}
