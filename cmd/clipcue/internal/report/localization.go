package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/dustin/go-humanize/english"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/video"
)

// Located is a localizer's result and the data that it was measured on.
type Located struct {
	Result *localization.Result
	Set    *localization.Set
}

// timelines is the number of videos in a report, and minShown the lowest score of the
// detections that it shows.
const (
	timelines = 6
	minShown  = 0.2
)

// Verdict returns the result as a sentence.
func (m Located) Verdict() string {
	s := m.Result.Scores
	return fmt.Sprintf("The localizer finds %d segments of %d classes in %d videos with an average mAP of %s.", s.Segments, len(s.Classes), s.Videos, percent(s.Average))
}

// Sections returns the figures, curves, mistakes, classes and timelines.
func (m Located) Sections(ctx context.Context) ([]Section, error) {
	s, r := m.Result.Scores, m.Result.Recall
	missing := "none is missing"
	if m.Result.Missing > 0 {
		missing = fmt.Sprintf("%d more have no features and are left out", m.Result.Missing)
	}
	result := Section{Title: "Result", Text: "Mean average precision by ActivityNet's protocol: a detection is right if it overlaps a segment of its class, which no better one has, by a tIoU.",
		Figures: []Figure{
			{"average mAP", percent(s.Average), fmt.Sprintf("over tIoU %g to %g", s.TIoU[0], s.TIoU[len(s.TIoU)-1])},
			{"recall of 100 proposals", percent(r.At(100)), "mean over tIoU 0.5:0.05:0.95, whatever happens"},
			{"videos", strconv.Itoa(s.Videos), missing},
			{"segments", strconv.Itoa(s.Segments), fmt.Sprintf("of %d classes", len(s.Classes))},
		}}
	precision := Chart{Title: "mAP by tIoU", X: "tIoU", Percent: true, Series: []Series{{Name: "mAP", Dots: true}}}
	for i, t := range s.TIoU {
		precision.Series[0].Points = append(precision.Series[0].Points, Point{t, s.MAP[i]})
	}
	recall := Chart{Title: "Average recall of proposals", X: "proposals a video", Percent: true, Series: []Series{{Name: "recall"}}}
	for n, ar := range r.AR {
		recall.Series[0].Points = append(recall.Series[0].Points, Point{float64(n + 1), ar})
	}
	result.Charts = []Chart{precision, recall}

	e := s.Errors
	mistakes := &Table{Columns: []string{"what", "detections"}}
	for _, row := range []struct {
		what string
		n    int
	}{{"correct", e.Correct}, {"duplicate: a better one has the segment", e.Duplicate}, {"wrong class", e.WrongClass}, {"misplaced: overlaps too little", e.Misplaced},
		{"wrong class and misplaced", e.WrongClassAndMisplaced}, {"where nothing is", e.Background}, {"segments that were missed", e.Missed}} {
		mistakes.Rows = append(mistakes.Rows, Row{Cells: []string{row.what, strconv.Itoa(row.n)}})
	}
	classes := &Table{Columns: []string{"class", "segments", "average AP"}}
	for _, t := range s.TIoU {
		classes.Columns = append(classes.Columns, fmt.Sprintf("at %g", t))
	}
	worst := slices.Clone(s.Classes)
	slices.SortStableFunc(worst, func(a, b localization.ClassAP) int { return cmp.Compare(a.Average, b.Average) })
	for _, c := range worst {
		cells := []string{c.Label, strconv.Itoa(c.Segments), percent(c.Average)}
		for _, ap := range c.AP {
			cells = append(cells, percent(ap))
		}
		classes.Rows = append(classes.Rows, Row{Cells: cells})
	}
	videos, err := m.timelines(ctx)
	return []Section{result,
		{Title: "What is wrong", Table: mistakes, Text: fmt.Sprintf("Of as many of the best detections as there are segments, at tIoU %g.", e.TIoU)},
		{Title: "Every class", Table: classes, Text: "The worst first."},
		{Title: "Examples", Timelines: videos, Text: fmt.Sprintf("Detections with a score of at least %g, and the annotations.", minShown)},
	}, err
}

// timelines returns the timelines of a few videos, spread over the set.
func (m Located) timelines(ctx context.Context) ([]Timeline, error) {
	ctx, cancel := context.WithTimeout(ctx, stripsLimit)
	defer cancel()
	var out []Timeline
	n := min(timelines, len(m.Set.Videos))
	for i := range n {
		v := m.Set.Videos[i*len(m.Set.Videos)/n]
		q, err := m.Set.Load(v)
		if err != nil {
			return nil, err
		}
		found := slices.DeleteFunc(slices.Clone(m.Result.Found[v.Path]), func(d localization.Detection) bool { return d.Score < minShown })
		var truth []localization.Detection
		for _, x := range v.Segments {
			truth = append(truth, localization.Detection{Label: x.Label, Score: 1, Span: video.Span{Start: x.Start, End: x.End}})
		}
		each, cancel := context.WithTimeout(ctx, decodeLimit)
		out = append(out, NewTimeline(each, q.Provenance.Source, localization.Duration(q), q.Provenance.StartTime, localization.RemoveDuplicates(found, 0.5), truth))
		cancel()
		out[i].Title = v.Path
	}
	return out, nil
}

// Provenance returns the provenance of the first video's features.
func (m Located) Provenance() (feature.Provenance, error) {
	return m.Set.Provenance(m.Set.Videos[0])
}

// Timelines returns a page with the detections in videos.
func Timelines(t []Timeline) *Report {
	n := 0
	for _, x := range t {
		for _, row := range x.Rows {
			if !row.Truth {
				n += len(row.Bars)
			}
		}
	}
	return &Report{Title: "What happens when", Verdict: fmt.Sprintf("%s found in %s.", english.Plural(n, "segment", ""), english.Plural(len(t), "video", "")),
		Sections: []Section{{Title: "Videos", Timelines: t, Text: "The stronger the color, the surer."}}, Footer: Version()}
}
