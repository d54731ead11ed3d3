package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/label"
)

// budgets are the numbers of marks after which a label is measured.
var budgets = []int{0, 1, 5, 10, 20, 50}

// result holds the measurements of one label.
type result struct {
	Label, Group string
	Share        float64
	Seed         uint64
	Text         float64         // average precision of the text query
	Best         float64         // of the best of several text queries
	Most         float64         // of a head that learned from many marks; see most
	Head, Random map[int]float64 // average precision after marks that are suggested, or drawn at random
	// At 20 and 50 marks: the estimated precision, and the true one.
	Estimated map[int]label.Interval
	Precision map[int]float64
	Segments  map[int]float64 // average precision of segments at tIoU 0.5
	// At 20 and 50 marks: the average precision of a trained head, whether the comparison
	// says that it is better, and the seconds that both took.
	Trained map[int]float64
	Better  map[int]bool
	Seconds map[int]float64
	// Recognized are the recognizers of motions at 20 and 50 marks.
	Recognized map[int]recognized
}

func (r result) String() string {
	return fmt.Sprintf("%-30s seed %d text %.3f head %.3f after 20 marks, %.3f after 50", r.Label, r.Seed, r.Text, r.Head[20], r.Head[50])
}

// templates are the text queries among which result.Best is the best.
var templates = []string{"%s", "a %s", "a photo of a %s", "a video of a %s", "something is %s"}

// teach lets a truthful user mark what is suggested: two likely moments, then an uncertain
// one. The first mark is a true moment that the user knows, drawn at random.
func (a *archive) teach(ctx context.Context, t target, seed uint64) (result, error) {
	r := result{Label: t.name, Group: t.group, Share: t.share, Seed: seed, Head: map[int]float64{}, Random: map[int]float64{},
		Estimated: map[int]label.Interval{}, Precision: map[int]float64{}, Segments: map[int]float64{},
		Trained: map[int]float64{}, Better: map[int]bool{}, Seconds: map[int]float64{}, Recognized: map[int]recognized{}}
	var query []float32
	for i, template := range templates {
		text, err := a.retriever.EncodeTexts(ctx, []string{fmt.Sprintf(template, t.name)})
		if err != nil {
			return r, err
		}
		clip.Normalize(text, len(text))
		zero, err := label.Teach(a.moments, text, nil)
		if err != nil {
			return r, err
		}
		ap := a.averagePrecision(t.name, zero.Scores())
		if i == 0 {
			query, r.Text = text, ap
		}
		r.Best = max(r.Best, ap)
	}
	random := rand.New(rand.NewPCG(seed, 15))
	var err error
	if r.Most, err = a.most(t.name, query, random); err != nil {
		return r, err
	}
	var marks, drawn []label.Mark
	for n := range budgets[len(budgets)-1] + 1 {
		teacher, err := label.Teach(a.moments, query, marks)
		if err != nil {
			return r, err
		}
		if slices.Contains(budgets, n) {
			if err := a.measure(ctx, &r, teacher, marks, drawn, query); err != nil {
				return r, err
			}
		}
		row, other := a.next(t.name, teacher, n, random, nil), random.IntN(a.moments.Len())
		for a.unlisted[t.name][other] {
			other = random.IntN(a.moments.Len())
		}
		marks, drawn = append(marks, a.mark(t.name, row)), append(drawn, a.mark(t.name, other))
	}
	return r, nil
}

// most returns the average precision in every second video of a head that learned from 200
// moments of the others that show a label, or all if there are fewer, and 200 that do not:
// what such a head can reach.
func (a *archive) most(name string, query []float32, random *rand.Rand) (float64, error) {
	var marks []label.Mark
	count := map[bool]int{}
	for _, row := range random.Perm(a.moments.Len()) {
		k := a.mark(name, row)
		if k.Video%2 == 0 && !a.unlisted[name][row] && count[k.Positive] < 200 {
			count[k.Positive]++
			marks = append(marks, k)
		}
	}
	head, err := label.Fit(a.moments, query, marks)
	if err != nil {
		return 0, err
	}
	scores := a.moments.Scores(head)
	var kept []float32
	var shows []bool
	for row, s := range scores {
		if video, _, _ := a.moments.Span(row); video%2 == 1 && !a.unlisted[name][row] {
			kept, shows = append(kept, s), append(shows, a.shows[name][row])
		}
	}
	return averagePrecision(kept, func(i int) bool { return shows[i] }), nil
}

// next returns the moment that the user marks next, one that matches unless match is nil.
func (a *archive) next(name string, teacher *label.Teacher, n int, random *rand.Rand, match func(row int) bool) int {
	if n == 0 {
		var rows []int
		for row := range a.shows[name] {
			if match == nil || match(row) {
				rows = append(rows, row)
			}
		}
		slices.Sort(rows)
		return rows[random.IntN(len(rows))]
	}
	feed := label.Likely
	if n%3 == 2 {
		feed = label.Uncertain
	}
	return teacher.Suggest(feed, 1, 0, func(row int) bool { return !a.unlisted[name][row] && (match == nil || match(row)) })[0]
}

// mark returns the true mark of a moment.
func (a *archive) mark(name string, row int) label.Mark {
	video, start, end := a.moments.Span(row)
	return label.Mark{Video: video, Start: start, End: end, Positive: a.shows[name][row]}
}

// measure adds the measurements of a label after some marks.
func (a *archive) measure(ctx context.Context, r *result, teacher *label.Teacher, marks, drawn []label.Mark, query []float32) error {
	n := len(marks)
	r.Head[n] = a.averagePrecision(r.Label, teacher.Scores())
	other, err := label.Teach(a.moments, query, drawn)
	if err != nil {
		return err
	}
	r.Random[n] = a.averagePrecision(r.Label, other.Scores())
	if n < 20 {
		return nil
	}
	found, q, err := segments(ctx, a.moments, teacher, defaultPrecision)
	if err != nil {
		return err
	}
	if q.Videos > 0 {
		r.Estimated[n], r.Precision[n] = q.Precision, a.truePrecision(r.Label, teacher.Scores(), q.Threshold)
	}
	r.Segments[n] = a.segmentPrecision(r.Label, found, a.spans[r.Label])
	return a.train(ctx, r, teacher, marks, query)
}

// defaultPrecision is that of `clipcue label apply`.
const defaultPrecision = 0.8

// segments returns the segments of a label as `clipcue label apply` does, and the estimate of
// its quality, which is empty if the marks do not allow one.
func segments(ctx context.Context, m *label.Moments, teacher *label.Teacher, precision float64) ([]label.Segment, label.Quality, error) {
	q, err := teacher.Quality(ctx, label.Target{Precision: precision})
	switch {
	case errors.Is(err, label.ErrFewVideos), errors.Is(err, label.ErrNoNegatives):
		q = label.Quality{Threshold: teacher.Head().Threshold}
	case err != nil:
		return nil, q, err
	}
	found, err := teacher.Segments(teacher.Cut(q.Threshold))
	return found, q, err
}

// train adds what training comes to after some marks.
func (a *archive) train(ctx context.Context, r *result, teacher *label.Teacher, marks []label.Mark, query []float32) error {
	n, start := len(marks), time.Now()
	trained, err := label.Train(a.moments, query, marks)
	if err != nil {
		return err
	}
	r.Trained[n] = a.averagePrecision(r.Label, trained.Scores())
	c, err := teacher.Compare(ctx)
	switch {
	case errors.Is(err, label.ErrFewVideos), errors.Is(err, label.ErrNoNegatives): // nothing to compare
		err = nil
	default:
		r.Better[n] = c.Better
	}
	r.Seconds[n] = time.Since(start).Seconds()
	if err == nil && r.Group == motions && a.frames != nil {
		r.Recognized[n], err = a.recognize(ctx, r.Label, teacher, marks, query)
	}
	return err
}

// truePrecision returns the share of the moments above a threshold that show a label.
func (a *archive) truePrecision(name string, scores []float32, threshold float64) float64 {
	var all, right float64
	for i, s := range scores {
		if float64(s) >= threshold && !a.unlisted[name][i] {
			all++
			if a.shows[name][i] {
				right++
			}
		}
	}
	return right / max(1, all)
}

// averagePrecision returns the average precision over all moments, including marked ones, as a
// user sees them.
func (a *archive) averagePrecision(name string, scores []float32) float64 {
	var listed []float32
	var shows []bool
	for i, s := range scores {
		if !a.unlisted[name][i] {
			listed, shows = append(listed, s), append(shows, a.shows[name][i])
		}
	}
	return averagePrecision(listed, func(i int) bool { return shows[i] })
}

// segmentPrecision returns the average precision at tIoU 0.5 of the segments that do not lie
// by half in what the truth does not list.
func (a *archive) segmentPrecision(name string, found []label.Segment, truth []label.Mark) float64 {
	return segmentPrecision(slices.DeleteFunc(slices.Clone(found), func(s label.Segment) bool {
		return slices.ContainsFunc(a.skipped[name], func(k label.Mark) bool {
			return k.Video == s.Video && 2*(min(s.End, k.End)-max(s.Start, k.Start)) >= s.End-s.Start
		})
	}), truth)
}

func averagePrecision(scores []float32, shows func(int) bool) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return cmp.Or(cmp.Compare(scores[y], scores[x]), x-y) })
	var right, sum float64
	for i, row := range order {
		if shows(row) {
			right++
			sum += right / float64(i+1)
		}
	}
	return sum / max(1, right)
}

// segmentPrecision returns the average precision of segments at a temporal IoU of 0.5.
func segmentPrecision(found []label.Segment, truth []label.Mark) float64 {
	slices.SortStableFunc(found, func(a, b label.Segment) int { return cmp.Compare(b.Score, a.Score) })
	taken := make([]bool, len(truth))
	var right, sum float64
	for i, s := range found {
		best, at := 0.5, -1
		for j, k := range truth {
			if o := k.Overlap(label.Mark{Video: s.Video, Start: s.Start, End: s.End}); o >= best && !taken[j] {
				best, at = o, j
			}
		}
		if at >= 0 {
			taken[at] = true
			right++
			sum += right / float64(i+1)
		}
	}
	return sum / math.Max(1, float64(len(truth)))
}
