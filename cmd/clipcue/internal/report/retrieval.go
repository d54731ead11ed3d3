package report

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/retrieval"
)

// Retrieved is a retriever's result and the data that it was measured on.
type Retrieved struct {
	Result *retrieval.Result
	Set    *retrieval.Set
	On     string // such as "test videos"
}

// Verdict returns the result as a sentence.
func (m Retrieved) Verdict() string {
	r := m.Result
	x := r.Rows[0].TextToVideo
	return fmt.Sprintf("A caption finds its video first among %d %s in %s of the cases, and among the first ten in %s; guessing would find it first in %s.",
		r.Videos, m.On, percent(x.R1), percent(x.R10), percent(1/float64(max(1, r.Videos))))
}

// Sections returns the figures, the table of ranks and examples.
func (m Retrieved) Sections(ctx context.Context) ([]Section, error) {
	r := m.Result
	x := r.Rows[0].TextToVideo
	share := func(name string, s float64) Figure {
		low, high := Interval(int(math.Round(s*float64(r.Captions))), r.Captions)
		return Figure{name, percent(s), fmt.Sprintf("95 %% interval %.1f to %s", 100*low, percent(high))}
	}
	note := "none is missing"
	if r.Missing > 0 {
		note = fmt.Sprintf("left out: %d of videos without features", r.Missing)
	}
	if r.Truncated > 0 {
		note += fmt.Sprintf("; %d were cut to the model's context", r.Truncated)
	}
	figures := []Figure{share("R@1", x.R1), share("R@5", x.R5), share("R@10", x.R10),
		{"median rank", fmt.Sprintf("%g", x.MedianRank), fmt.Sprintf("of %d videos", r.Videos)},
		{"captions", strconv.Itoa(r.Captions), note}}
	table := &Table{Columns: []string{"ranked by", "R@1", "R@5", "R@10", "median rank", "mean rank"}}
	add := func(name string, x *retrieval.Recall) {
		if x != nil {
			table.Rows = append(table.Rows, Row{Cells: []string{name, percent(x.R1), percent(x.R5), percent(x.R10),
				fmt.Sprintf("%g", x.MedianRank), fmt.Sprintf("%.1f", x.MeanRank)}})
		}
	}
	table.Rows = append(table.Rows, Row{Cells: []string{"text to video"}})
	for _, row := range r.Rows {
		add(row.Name, &row.TextToVideo)
	}
	table.Rows = append(table.Rows, Row{Cells: []string{"video to text, by the best caption of a video"}})
	for _, row := range r.Rows {
		add(row.Name, row.VideoToText)
	}
	return []Section{
		{Title: "Result", Figures: figures,
			Text: fmt.Sprintf("Measured on %d captions of %d %s, from text to video. R@k is the share of captions whose video is among the first k.", r.Captions, r.Videos, m.On)},
		{Title: "Ranks", Table: table,
			Text: "A rank is 1 and the number of candidates that are scored strictly higher. The dual softmax needs all queries of the test set at once, which a single search does not have."},
		{Title: "Examples", Strips: m.strips(ctx),
			Text: "Videos with the captions that are found for them, by their probabilities among all. Those that find another one's caption first come first, the worst ranks ahead."},
	}, nil
}

func (m Retrieved) strips(ctx context.Context) []Strip {
	ctx, cancel := context.WithTimeout(ctx, stripsLimit)
	defer cancel()
	var out []Strip
	for _, x := range m.Result.Examples(examples, 3) {
		s := Strip{Title: x.Video.ID, Label: x.Caption}
		if x.Rank > 1 {
			s.Title += fmt.Sprintf(", its best caption has rank %d", x.Rank)
		}
		if x.Video.End > 0 {
			s.Title += fmt.Sprintf(", %.1f to %.1f s", x.Video.Start, x.Video.End)
		}
		for _, f := range x.Top {
			s.Predictions = append(s.Predictions, Prediction{f.Caption, f.Score})
		}
		p, err := m.Set.Provenance(x.Video)
		s.show(ctx, p, err, x.Video.Start, x.Video.End)
		out = append(out, s)
	}
	return out
}

// Provenance returns the provenance of the first video's features.
func (m Retrieved) Provenance() (feature.Provenance, error) {
	return m.Set.Provenance(m.Set.Videos[0])
}
