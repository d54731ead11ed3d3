package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// Measured is a recognizer's result and the data that it was measured on.
type Measured struct {
	Result *recognition.Result
	Set    *recognition.Set
	Eval   recognition.Evaluation
	Frames int    // a window
	On     string // such as "test videos"
}

// Verdict returns the result as a sentence.
func (m Measured) Verdict() string {
	r := m.Result
	return fmt.Sprintf("The recognizer is right about %s of %d %s, telling %d classes apart; guessing would be right about %s.",
		percent(r.Top1), r.Videos, m.On, r.Classes, percent(1/float64(max(1, r.Classes))))
}

// Sections returns the figures, the confusion matrix, the classes and examples.
func (m Measured) Sections(ctx context.Context) ([]Section, error) {
	r := m.Result
	low, high := Interval(int(math.Round(r.Top1*float64(r.Videos))), r.Videos)
	figures := []Figure{{"top-1", percent(r.Top1), fmt.Sprintf("95 %% interval %.1f to %s", 100*low, percent(high))}}
	if r.Classes > 5 {
		low, high := Interval(int(math.Round(r.Top5*float64(r.Videos))), r.Videos)
		figures = append(figures, Figure{"top-5", percent(r.Top5), fmt.Sprintf("95 %% interval %.1f to %s", 100*low, percent(high))})
	}
	missing := "none is missing"
	if r.Missing > 0 {
		missing = fmt.Sprintf("%d more have no features and are left out", r.Missing)
	}
	figures = append(figures,
		Figure{"videos", strconv.Itoa(r.Videos), missing},
		Figure{"classes", strconv.Itoa(r.Classes), fmt.Sprintf("%d of them occur", len(r.PerClass))})

	how := "spaced evenly over it"
	if m.Eval.RandomWindows {
		how = "drawn at random from it"
	}
	windows := fmt.Sprintf("%d windows", m.Eval.Windows)
	if m.Eval.Windows == 1 {
		windows = "one window"
	}
	confusion := m.confusion()
	confused := Section{Title: "What is taken for what", Text: "Numbers of videos; the color is their share of the row.", Confusion: confusion}
	if !confusion.Whole() {
		confused.Text = "The pairs that are confused most."
	}
	return []Section{
		{Title: "Result", Figures: figures,
			Text: fmt.Sprintf("Measured on %d %s. A video's class is the one with the highest mean probability over %s of %d frames, %s.", r.Videos, m.On, windows, m.Frames, how)},
		confused,
		{Title: "Every class", Text: "The worst first.", Classes: m.classes()},
		{Title: "Examples", Text: "Videos that were taken for something else come first, the most confident mistakes ahead; then some that are right.", Strips: m.Strips(ctx, examples)},
	}, nil
}

func (m Measured) confusion() *Confusion {
	occurs := map[string]bool{}
	c := &Confusion{}
	for _, x := range m.Result.Confusion {
		occurs[x.Label], occurs[x.Predicted] = true, true
		c.Cells = append(c.Cells, Cell(x))
	}
	for _, label := range m.Set.Classes {
		if occurs[label] {
			c.Classes = append(c.Classes, label)
		}
	}
	return c
}

func (m Measured) classes() []Class {
	var out []Class
	for _, c := range m.Result.PerClass {
		var most recognition.Confusion
		for _, x := range m.Result.Confusion {
			if x.Label == c.Label && x.Predicted != c.Label && x.Videos > most.Videos {
				most = x
			}
		}
		other := ""
		if most.Videos > 0 {
			other = fmt.Sprintf("%s (%d)", most.Predicted, most.Videos)
		}
		out = append(out, Class{c.Label, c.Videos, c.Top1, other})
	}
	slices.SortStableFunc(out, func(a, b Class) int { return cmp.Compare(a.Share, b.Share) })
	return out
}

// examples is the number of videos in a report.
const examples = 12

// Strips decodes up to n of the videos, half of them misclassified if there are
// enough. A video that cannot be decoded has a note with the reason.
func (m Measured) Strips(ctx context.Context, n int) []Strip {
	var wrong, right []recognition.VideoResult
	for _, x := range m.Result.PerVideo {
		if x.Top[0].Label == m.Set.Classes[x.Video.Class] {
			right = append(right, x)
		} else {
			wrong = append(wrong, x)
		}
	}
	slices.SortStableFunc(wrong, func(a, b recognition.VideoResult) int { return cmp.Compare(b.Top[0].Score, a.Top[0].Score) })
	k := min(len(wrong), max(n/2, n-len(right)))
	ctx, cancel := context.WithTimeout(ctx, stripsLimit)
	defer cancel()
	var out []Strip
	for _, x := range append(varied(wrong, k), varied(right, n-k)...) {
		out = append(out, m.strip(ctx, x))
	}
	return out
}

// varied returns up to n of x in their order: first one of every pair of class and
// prediction, then a second one of each, and so on.
func varied(x []recognition.VideoResult, n int) []recognition.VideoResult {
	type pair struct {
		class     int
		predicted string
	}
	round, seen := map[int]int{}, map[pair]int{}
	order := make([]int, len(x))
	for i, v := range x {
		p := pair{v.Video.Class, v.Top[0].Label}
		order[i], round[i] = i, seen[p]
		seen[p]++
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(round[a], round[b]) })
	var out []recognition.VideoResult
	for _, i := range order[:min(n, len(x))] {
		out = append(out, x[i])
	}
	return out
}

func (m Measured) strip(ctx context.Context, x recognition.VideoResult) Strip {
	s := Strip{Title: x.Video.ID, Label: m.Set.Classes[x.Video.Class]}
	if x.Video.End > 0 {
		s.Title += fmt.Sprintf(", %.1f to %.1f s", x.Video.Start, x.Video.End)
	}
	for _, p := range x.Top[:min(3, len(x.Top))] {
		s.Predictions = append(s.Predictions, Prediction(p))
	}
	p, err := m.Set.Provenance(x.Video)
	s.show(ctx, p, err, x.Video.Start, x.Video.End)
	return s
}

// show takes the frames of a part of a video from where its features come from, of
// which err says that it is not known, or notes why there are none.
func (s *Strip) show(ctx context.Context, p feature.Provenance, err error, start, end float64) {
	if err == nil {
		switch info, missing := os.Stat(p.Source); {
		case p.Source == "":
			s.Note = "The video cannot be shown: its features do not say where it lies."
			return
		case missing != nil:
			s.Note = "The video cannot be shown: " + p.Source + " was not found."
			return
		case info.Size() != p.Size:
			s.Note = "The file has changed since its features were extracted; these are its frames now."
		}
		s.Frames, err = Frames(ctx, p.Source, start, end, p.StartTime)
	}
	if err != nil {
		s.Frames, s.Note = nil, "The video cannot be shown: "+reason(p.Source, err)
	}
}

// Provenance returns the provenance of the first video's features.
func (m Measured) Provenance() (feature.Provenance, error) {
	return m.Set.Provenance(m.Set.Videos[0])
}

// FewShot returns the report of the episodes in a folder, each of which has its own
// run. If some episodes are unfinished, it covers the finished ones.
func FewShot(dir string, f *recognition.FewShotResult, episodes []dataset.Episode) (*Report, error) {
	if len(f.Each) == 0 {
		return nil, errors.New("no episode is finished")
	}
	settings, err := Settings(filepath.Join(dir, recognition.EpisodeDir(0), train.ConfigFile))
	if err != nil {
		return nil, err
	}
	r := &Report{Title: "Few-shot recognition: " + folder(dir)}
	first := episodes[0]
	ways := len(first.Classes)
	shots := len(first.Train.Samples) / max(1, ways)
	r.Verdict = fmt.Sprintf("Recognizers that learned from %[3]d videos a class are right about %[1]s of the test videos, telling %[2]d classes apart; guessing would be right about %[4]s.",
		percent(f.Top1), ways, shots, percent(1/float64(max(1, ways))))
	figures := []Figure{{"top-1", percent(f.Top1), "one episode, so there is no interval"}}
	if n := len(f.Each); n > 1 {
		figures = []Figure{
			{"top-1", fmt.Sprintf("%.1f ± %s", 100*f.Top1, percent(f.Top1CI)), fmt.Sprintf("mean and 95 %% interval over %d episodes", n)},
			{"worst and best", fmt.Sprintf("%.1f to %s", 100*slices.Min(f.Each), percent(slices.Max(f.Each))), "top-1 of an episode"},
		}
	}
	done := strconv.Itoa(len(f.Each))
	if len(f.Each) < len(episodes) {
		done = fmt.Sprintf("%d of %d", len(f.Each), len(episodes))
	}
	figures = append(figures, Figure{"episodes", done, fmt.Sprintf("%d classes each, %d videos a class", ways, shots)})
	if f.Missing > 0 {
		figures = append(figures, Figure{"missing", strconv.Itoa(f.Missing), "test videos without features, left out"})
	}
	table := &Table{Columns: []string{"episode", "top-1", "test videos", "classes"}}
	for i, top1 := range f.Each {
		e := episodes[i]
		table.Rows = append(table.Rows, Row{Cells: []string{recognition.EpisodeDir(i), percent(top1), strconv.Itoa(len(e.Test.Samples)), strings.Join(e.Classes, ", ")}})
	}
	r.Sections = []Section{
		{Title: "Result", Figures: figures, Text: "Every episode learns from a few videos of its classes and is measured on their test videos. Top-1 is the mean over the episodes."},
		{Title: "Every episode", Table: table},
	}
	// The settings and the training data are those of the first episode.
	settings = slices.DeleteFunc(settings, func(v Value) bool { return v.Name == "videos" || v.Name == "classes" || v.Name == "data.episode" })
	return r.end(settings, nil), nil
}
