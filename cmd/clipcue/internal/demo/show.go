package demo

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// shown returns the run that is reported in detail: the first training with the default
// preset.
func (o Options) shown() string {
	return filepath.Join(o.Dir, "runs", closedSet.name, defaultWay.name, "seed-0")
}

// show reports one recognizer in detail: it classifies videos that were rendered after
// its training, and adds its results to the report below the tables.
func (o Options) show(ctx context.Context, m *clip.Model, from *source, out *Result) (*report.Report, error) {
	run := o.shown()
	out.Model = filepath.Join(run, train.BestFile)
	f, err := adapter.ReadFile(out.Model)
	if err != nil {
		return nil, err
	}
	r, err := recognition.New(f, m)
	if err != nil {
		return nil, err
	}
	if out.Unseen, err = o.classify(ctx, m, r); err != nil {
		return nil, err
	}
	sets, err := from.data.Sets(from.opened)
	if err != nil {
		return nil, err
	}
	eval := recognition.DefaultConfig().Eval
	result, err := r.Evaluate(ctx, sets.Test, eval)
	if err != nil {
		return nil, err
	}
	closer, err := report.Run(ctx, run, &report.Measured{Result: result, Set: sets.Test, Eval: eval, Frames: f.Config.Frames, On: "test takes"}, "on test takes")
	if err != nil {
		return nil, err
	}
	page := &report.Report{Title: "clipcue: the demonstration", Verdict: out.verdict(), Footer: closer.Footer}
	for _, t := range out.Tables {
		page.Sections = append(page.Sections, t.section())
	}
	page.Sections = append(page.Sections, report.Section{Title: "A closer look",
		Text: "What follows is one recognizer of the closed set: " + defaultWay.title + "."})
	page.Sections = append(page.Sections, closer.Sections...)
	return page, nil
}

func (r *Result) verdict() string {
	closed, zero := r.Tables[0], r.Tables[2]
	row := func(t *Table, w way) *Row {
		for _, r := range t.Rows {
			if r.Name == w.title {
				return r
			}
		}
		return &Row{}
	}
	percent := func(r *Row) string { return fmt.Sprintf("%.1f %%", 100*r.Top1) }
	return fmt.Sprintf("Motions: prompts alone name %s of the test takes, with the temporal Transformer %s (the paper's) and %s (the default). Colored shapes that were not learned: %s with prompts alone, %s with the paper's temporal Transformer, %s with the default.",
		percent(row(closed, promptsOnly)), percent(row(closed, paper)), percent(row(closed, defaultWay)),
		percent(row(zero, promptsOnly)), percent(row(zero, paper)), percent(row(zero, defaultWay)))
}

// Cells returns the columns of a row: name, top-1, interval.
func (r *Row) Cells() []string {
	interval := ""
	if len(r.Each) > 1 {
		interval = fmt.Sprintf("± %.1f", 100*r.Half)
	}
	return []string{r.Name, fmt.Sprintf("%.1f %%", 100*r.Top1), interval}
}

func (t *Table) section() report.Section {
	table := &report.Table{Columns: []string{"", "top-1", "95 % interval"}}
	for _, r := range t.Rows {
		table.Rows = append(table.Rows, report.Row{Cells: r.Cells(), Strong: r.Name == defaultWay.title})
	}
	table.Rows = append(table.Rows, report.Row{Cells: []string{"guessing", fmt.Sprintf("%.1f %%", 100*t.Chance), ""}})
	return report.Section{Title: t.Title, Text: t.Note, Table: table}
}

// classify renders a new video of each motion and classifies it.
func (o Options) classify(ctx context.Context, m *clip.Model, r *recognition.Recognizer) ([]Unseen, error) {
	dir := filepath.Join(o.Dir, "videos", "unseen")
	if _, err := o.render(ctx, dir, synth.Options{Simple: true, Seed: o.Seed + 1, PerClass: 1, Classes: motions.labels,
		TestShare: -1, Width: side, Height: side}); err != nil {
		return nil, err
	}
	found, err := video.Discover([]string{dir})
	if err != nil {
		return nil, err
	}
	sources := found.Videos
	out, place := make([]Unseen, len(sources)), map[string]int{}
	for i, s := range sources {
		place[s.ID] = i
		out[i] = Unseen{Path: s.Path, Label: strings.ReplaceAll(path.Dir(s.ID), "_", " ")}
	}
	_, err = feature.ExtractFunc(ctx, m, sources, feature.Options{Sampling: video.AtRate(rate), Progress: o.Progress}, func(q *feature.Sequence) error {
		p, err := r.Classify(ctx, q)
		if err == nil {
			out[place[q.ID]].Says = p[0]
		}
		return err
	})
	return out, err
}
