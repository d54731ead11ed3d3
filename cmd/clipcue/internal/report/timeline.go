package report

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/clipcue/clipcue/task/localization"
)

// Timeline is a long video as a row of frames, with its segments below.
type Timeline struct {
	Title   string
	Note    string // such as why there are no frames
	Seconds float64
	Frames  []Frame // evenly over the video
	Rows    []TimelineRow
}

// TimelineRow holds the segments of one class.
type TimelineRow struct {
	Label string
	Bars  []Bar
	Truth bool // as annotated, not found
}

// Bar is one segment. HasScore is whether its score is shown.
type Bar struct {
	From, To, Score float64
	HasScore        bool
}

// Share returns the position of a time in the video, from 0 to 1.
func (t Timeline) Share(seconds float64) float64 {
	if !(t.Seconds > 0) {
		return 0
	}
	return min(max(seconds/t.Seconds, 0), 1)
}

// Ticks returns the times below a timeline.
func (t Timeline) Ticks() []float64 {
	const n = 6
	out := make([]float64, n)
	for i := range out {
		out[i] = t.Seconds * float64(i) / (n - 1)
	}
	return out
}

// Clock formats a time as a player does, or in seconds for a short video.
func (t Timeline) Clock(seconds float64) string {
	tenths := int64(math.Round(10 * seconds))
	minutes, rest := tenths/600, float64(tenths%600)/10
	switch {
	case t.Seconds < 120:
		return fmt.Sprintf("%.1f s", seconds)
	case t.Seconds < 3600:
		return fmt.Sprintf("%d:%04.1f", minutes, rest)
	}
	return fmt.Sprintf("%d:%02d:%04.1f", minutes/60, minutes%60, rest)
}

// timelineFrames is the number of frames in a timeline.
const timelineFrames = 16

// NewTimeline returns the detections in a video of the given length in seconds, at
// path; zero is the stream time at which players show 0:00. truth, if it is known,
// is below each class. A video that cannot be decoded, or not before the context's
// deadline, has a note that says why.
func NewTimeline(ctx context.Context, path string, seconds, zero float64, found, truth []localization.Detection) Timeline {
	t := Timeline{Title: path, Seconds: seconds}
	bars := func(all []localization.Detection, label string, truth bool) (row TimelineRow) {
		row = TimelineRow{Label: label, Truth: truth}
		if truth {
			row.Label = "truth: " + label
		}
		for _, d := range all {
			if d.Label == label {
				row.Bars = append(row.Bars, Bar{d.Start, d.End, min(max(d.Score, 0), 1), !truth})
			}
		}
		return row
	}
	seen := map[string]bool{}
	for _, d := range slices.Concat(localization.ByTime(found), localization.ByTime(truth)) {
		if seen[d.Label] {
			continue
		}
		seen[d.Label] = true
		for _, row := range []TimelineRow{bars(found, d.Label, false), bars(truth, d.Label, true)} {
			if len(row.Bars) > 0 {
				t.Rows = append(t.Rows, row)
			}
		}
	}
	if _, err := os.Stat(path); path == "" || err != nil {
		t.Note = "The video cannot be shown: it was not found where it was when its features were extracted."
		return t
	}
	var err error
	if t.Frames, err = frames(ctx, path, timelineFrames, 0, 0, zero); err != nil {
		t.Note = "The video cannot be shown: " + reason(path, err)
	}
	return t
}
