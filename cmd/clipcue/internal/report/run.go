package report

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/train"
)

// Measurement is a task's result and the data that it was measured on: [Measured],
// [Located] or [Retrieved].
type Measurement interface {
	// Verdict returns the result as a sentence.
	Verdict() string
	// Sections returns the result first, then the sections that explain it.
	Sections(ctx context.Context) ([]Section, error)
	// Provenance returns the provenance of the first video's features.
	Provenance() (feature.Provenance, error)
}

// tasks are the names of a run's task and of its training data in the report, by the
// names in the settings.
var tasks = map[string]struct {
	title, learned string
	settings       []string
}{
	recognition.Task:  {"Recognition", "Learned from %s videos, %s windows a step.", []string{"videos", "batch"}},
	localization.Task: {"Localization", "Learned from %s segments in %s videos, %s a step.", []string{"segments", "videos", "batch"}},
	retrieval.Task:    {"Retrieval", "Learned from %s captions of %s videos, %s videos a step.", []string{"captions", "videos", "batch"}},
}

// Run returns the report of a run folder. m is the measurement of its model, or nil. on
// describes the videos that were evaluated during the run.
func Run(ctx context.Context, dir string, m Measurement, on string) (*Report, error) {
	settings, err := Settings(filepath.Join(dir, train.ConfigFile))
	if err != nil {
		return nil, err
	}
	charts, err := Curves(filepath.Join(dir, train.MetricsFile), on)
	if err != nil {
		return nil, err
	}
	task := tasks[find(settings, "task")]
	var of []any
	for _, name := range task.settings {
		of = append(of, find(settings, name))
	}
	r := &Report{Title: task.title + ": " + folder(dir), Verdict: "There were no videos to test on, so nothing but the loss was measured.",
		Sections: []Section{{Title: "Learning", Charts: charts, Text: fmt.Sprintf(task.learned, of...)}}}
	return r.measured(ctx, settings, m)
}

// Evaluation returns the report of a measurement of a run's model or, if dir is "", of
// the backbone without training.
func Evaluation(ctx context.Context, dir string, m Measurement) (*Report, error) {
	r, settings := &Report{Title: "Evaluation: CLIP alone"}, []Value(nil)
	if dir != "" {
		r.Title = "Evaluation: " + folder(dir)
		var err error
		if settings, err = Settings(filepath.Join(dir, train.ConfigFile)); err != nil {
			return nil, err
		}
	}
	return r.measured(ctx, settings, m)
}

// measured adds the measurement, if there is one, and the end of the report.
func (r *Report) measured(ctx context.Context, settings []Value, m Measurement) (*Report, error) {
	if m == nil {
		return r.end(settings, nil), nil
	}
	sections, err := m.Sections(ctx)
	if err != nil {
		return nil, err
	}
	// The result comes before the training curves, the rest after them.
	r.Verdict, r.Sections = m.Verdict(), slices.Concat(sections[:1], r.Sections, sections[1:])
	p, err := m.Provenance()
	if err != nil {
		return r.end(settings, nil), nil // what was measured counts without it
	}
	return r.end(settings, []Value{
		{"frames sampled", p.Sampling},
		{"preprocessing", p.Preprocessing},
		{"decoder", p.Decoder},
		{"the first video", p.Source},
		{"its SHA-256", p.SHA256},
	}), nil
}

// folder returns the name of a folder, even if dir is ".".
func folder(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil {
		dir = whole
	}
	return filepath.Base(dir)
}

// end adds the provenance of the data, all settings and the footer.
func (r *Report) end(settings, provenance []Value) *Report {
	data := Section{Title: "Data and backbone"}
	// The note of an episode includes that of all episodes.
	for _, x := range [][]string{{"annotations", "data.path", "data.data.path"}, {"feature store", "data.features", "data.data.features"},
		{"training videos", "videos"}, {"backbone", "backbone"}, {"its weights", "model"}} {
		for _, name := range x[1:] {
			if v := find(settings, name); v != "" {
				data.Values = append(data.Values, Value{x[0], v})
			}
		}
	}
	data.Values = append(data.Values, provenance...)
	r.Sections = append(r.Sections, data, Section{Title: "Configuration", Text: "As in config.json, with everything resolved.", Values: settings, Folded: true})
	r.Footer = Version()
	return r
}
