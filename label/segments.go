package label

import (
	"fmt"
	"math"
	"slices"

	"github.com/clipcue/clipcue/internal/compute"
)

// Segment is a span of a video that shows the label.
type Segment struct {
	Video      int64
	Start, End float64 // seconds
	// Score is the mean of its scores and of a quarter of a moment at the score to leave, so
	// of two segments with the same scores, the longer one has the higher mean.
	Score float64
}

// Cut holds the settings that turn scores into segments.
type Cut struct {
	Enter     float64 `json:"enter"`      // a segment reaches at least this score
	Leave     float64 `json:"leave"`      // and ends where scores fall below this one
	MinLength float64 `json:"min_length"` // seconds; shorter segments are dropped
	MaxGap    float64 `json:"max_gap"`    // seconds; segments closer than this are joined
	Smooth    bool    `json:"smooth"`     // average each score with its neighbors
}

// Cut returns the settings for a threshold. Segments end where the score is a quarter of the
// way from negative to positive moments, however high the threshold is: an edge does not
// depend on how certain a segment has to be. The rest is learned from the lengths of the
// positive marks: segments have at least half the length of the shortest tenth of them, and
// gaps of up to a quarter of their median length are closed. Scores are smoothed if the median
// mark is longer than a moment, because shorter ones are seen by one moment alone. Marks as
// long as a moment, such as accepted suggestions, do not say how long the label is shown.
func (t *Teacher) Cut(threshold float64) Cut {
	c := Cut{Enter: threshold, Leave: min(threshold-t.head.Spread/4, t.head.Threshold-t.head.Spread/2)}
	moment := t.p.m.spans[0].end - t.p.m.spans[0].start
	var lengths []float64
	for _, k := range t.marks {
		if length := k.End - k.Start; k.Positive && math.Abs(length-moment) > 0.01*moment {
			lengths = append(lengths, length)
		}
	}
	if len(lengths) == 0 {
		return c
	}
	slices.Sort(lengths)
	median := lengths[len(lengths)/2]
	c.MinLength, c.MaxGap, c.Smooth = lengths[len(lengths)/10]/2, median/4, median > moment
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

// Segments turns the scores of moments into segments, by video and start. The frames of a
// moment apply to the times that are closest to its center; the first and last moments of a
// video, and those next to a gap, also cover the rest of their span.
func (t *Teacher) Segments(c Cut) ([]Segment, error) {
	return segments(t.p.m, t.scores, t.p.m.courses(t.head), c)
}

// courses returns how the score of each moment changes from its start to its end: the cosine
// coefficients 1 and 2 of the scores of its frames. A head is linear in the mean of the
// frames, so these are its dot products with the coefficients of the frames, along the
// directions in which frames change. What a trained head adds is the same for all frames.
func (m *Moments) courses(h *Head) (out [orders][]float32) {
	for k := range out {
		course := &Head{Weights: make([]float32, len(h.Weights))}
		for j, row := range m.directions.rows {
			course.Weights[m.embed+k*len(m.directions.rows)+j] = float32(compute.Dot(row, h.Weights[:m.embed]) / m.directions.scale[0][0])
		}
		out[k] = m.Scores(course)
	}
	return out
}

func segments(m *Moments, scores []float32, courses [orders][]float32, c Cut) ([]Segment, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	var out []Segment
	for from := 0; from < m.Len(); {
		_, to := m.of(m.spans[from].video)
		var of [orders][]float32
		for k := range of {
			of[k] = courses[k][from:to]
		}
		out = append(out, c.segments(m.spans[from].video, timeline(m.spans[from:to], scores[from:to], of, c.Smooth), m.spans[from].end-m.spans[from].start)...)
		from = to
	}
	return out, nil
}

// stretch is a segment with the highest of its scores, and their integral over its length.
type stretch struct {
	Segment
	peak, sum, length float64
}

// join extends a stretch to the end of a later one.
func (s *stretch) join(next stretch) {
	s.End, s.peak, s.sum, s.length = next.End, max(s.peak, next.peak), s.sum+next.sum, s.length+next.length
}

// segments returns the segments of one video.
func (c Cut) segments(video int64, line []part, moment float64) (out []Segment) {
	var all, kept []stretch
	open := false
	for _, p := range line {
		n, length := len(all), p.end-p.start
		next := stretch{Segment{Video: video, Start: p.start, End: p.end}, p.score, p.score * length, length}
		switch {
		case p.score < c.Leave:
			open = false
		case open && p.start <= all[n-1].End+1e-6:
			all[n-1].join(next)
		default:
			all, open = append(all, next), true
		}
	}
	for _, s := range all {
		if s.peak < c.Enter {
			continue
		}
		if n := len(kept); n > 0 && s.Start-kept[n-1].End < c.MaxGap {
			kept[n-1].join(s)
			continue
		}
		kept = append(kept, s)
	}
	for _, s := range kept {
		if s.End-s.Start >= c.MinLength {
			s.Score = (s.sum + c.Leave*moment/4) / (s.length + moment/4)
			out = append(out, s.Segment)
		}
	}
	return out
}

// part is a short time of a video with its score.
type part struct{ start, end, score float64 }

// resolution is the number of parts of a moment.
const resolution = 8

// timeline returns the scores of one video over time.
func timeline(spans []span, scores []float32, courses [orders][]float32, smooth bool) (out []part) {
	for i, s := range spans {
		score := float64(scores[i])
		if smooth {
			score = smoothed(spans, scores, i)
		}
		start, end := cell(spans, i)
		n := max(1, math.Round(resolution*(end-start)/(s.end-s.start)))
		for j := range int(n) {
			p := part{start + float64(j)/n*(end-start), start + float64(j+1)/n*(end-start), score}
			for k, course := range courses {
				at := math.Pi * float64(k+1) * ((p.start+p.end)/2 - s.start) / (s.end - s.start)
				p.score += math.Sqrt2 * math.Cos(at) * float64(course[i])
			}
			out = append(out, p)
		}
	}
	return out
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

// cell returns the span of time that the score of moment i applies to.
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
