package label

import (
	"fmt"
	"math"
	"slices"
)

// Segment is a span of a video that shows the label.
type Segment struct {
	Video      int64
	Start, End float64 // seconds
	Score      float64 // the highest of its moments, after smoothing
}

// Cut holds the settings that turn scores into segments.
type Cut struct {
	Enter     float64 `json:"enter"`      // a segment has a moment of at least this score
	Leave     float64 `json:"leave"`      // and ends where scores fall below this one
	MinLength float64 `json:"min_length"` // seconds; shorter segments are dropped
	MaxGap    float64 `json:"max_gap"`    // seconds; segments closer than this are joined
	Smooth    bool    `json:"smooth"`     // average each score with its neighbors
}

// Cut returns the settings for a threshold, learned from the lengths of the positive
// marks: segments have at least half the length of the shortest tenth of them, and gaps of
// up to a quarter of their median length are closed. Scores are smoothed if the median mark
// is longer than a moment, because shorter ones are seen by one moment alone.
func (t *Teacher) Cut(threshold float64) Cut {
	c := Cut{Enter: threshold, Leave: threshold - t.head.Spread/4}
	var lengths []float64
	for _, k := range t.marks {
		if k.Positive {
			lengths = append(lengths, k.End-k.Start)
		}
	}
	if len(lengths) == 0 {
		return c
	}
	slices.Sort(lengths)
	median := lengths[len(lengths)/2]
	c.MinLength, c.MaxGap = lengths[len(lengths)/10]/2, median/4
	if s := t.p.m.spans; len(s) > 0 {
		c.Smooth = median > s[0].end-s[0].start
	}
	return c
}

// Check returns an error if the settings are not consistent.
func (c Cut) Check() error {
	switch {
	case math.IsNaN(c.Enter), math.IsNaN(c.Leave), c.Leave > c.Enter:
		return fmt.Errorf("the threshold to leave a segment must not exceed the one to enter it, got %g and %g", c.Leave, c.Enter)
	case !(c.MinLength >= 0), !(c.MaxGap >= 0):
		return fmt.Errorf("the length and gap of segments must not be negative, got %g and %g", c.MinLength, c.MaxGap)
	}
	return nil
}

// Segments turns the scores of moments into segments, by video and start. Each moment's
// score applies to the times that are closest to its center; the first and last moments of
// a video, and those next to a gap, also cover the rest of their span.
func Segments(m *Moments, scores []float32, c Cut) ([]Segment, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if len(scores) != m.Len() {
		return nil, fmt.Errorf("got %d scores for %d moments", len(scores), m.Len())
	}
	var out []Segment
	for from := 0; from < m.Len(); {
		_, to := m.of(m.spans[from].video)
		out = append(out, cutVideo(m.spans[from:to], scores[from:to], c)...)
		from = to
	}
	return out, nil
}

// cutVideo returns the segments of one video.
func cutVideo(spans []span, scores []float32, c Cut) (out []Segment) {
	var open *Segment
	var all []Segment
	for i, s := range spans {
		score := float64(scores[i])
		if c.Smooth {
			score = smoothed(spans, scores, i)
		}
		start, end := cell(spans, i)
		if score < c.Leave || open != nil && start > open.End+1e-6 {
			open = nil
		}
		if score < c.Leave {
			continue
		}
		if open == nil {
			all = append(all, Segment{Video: s.video, Start: start, End: end, Score: score})
			open = &all[len(all)-1]
			continue
		}
		open.End, open.Score = end, max(open.Score, score)
	}
	for _, s := range all {
		if s.Score < c.Enter {
			continue
		}
		if n := len(out); n > 0 && s.Start-out[n-1].End < c.MaxGap {
			out[n-1].End, out[n-1].Score = s.End, max(out[n-1].Score, s.Score)
			continue
		}
		out = append(out, s)
	}
	return slices.DeleteFunc(out, func(s Segment) bool { return s.End-s.Start < c.MinLength })
}

// smoothed weighs a score and its neighbors 1:2:1.
func smoothed(spans []span, scores []float32, i int) float64 {
	sum, weight := 2*float64(scores[i]), 2.
	for _, j := range []int{i - 1, i + 1} {
		if j >= 0 && j < len(spans) && touching(spans, min(i, j)) {
			sum += float64(scores[j])
			weight++
		}
	}
	return sum / weight
}

// touching reports whether moment i and the next one touch.
func touching(spans []span, i int) bool { return spans[i+1].start <= spans[i].end+1e-6 }

// cell returns the times that moment i speaks for.
func cell(spans []span, i int) (start, end float64) {
	start, end = spans[i].start, spans[i].end
	center := (start + end) / 2
	if i > 0 && touching(spans, i-1) {
		start = (center + (spans[i-1].start+spans[i-1].end)/2) / 2
	}
	if i+1 < len(spans) && touching(spans, i) {
		end = (center + (spans[i+1].start+spans[i+1].end)/2) / 2
	}
	return start, end
}
