package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/report"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/train"
)

// videosIn names the videos of a split for a reader.
var videosIn = map[string]string{
	dataset.Train: "training videos (it learned from them)",
	dataset.Val:   "validation videos",
	dataset.Test:  "test videos",
}

// reportRun writes the report of a run that ended with trained, well or by an
// interrupt. val and test say whether it has videos for validation, which choose the
// best step, and for the test; measure measures a model on a split. The run is done: a
// report that fails is a warning.
func (a *app) reportRun(ctx context.Context, dir string, val, test bool, trained error, measure func(f *adapter.File, split string) (report.Measurement, error)) {
	var interrupted *train.InterruptedError
	if trained != nil && (!errors.As(trained, &interrupted) || interrupted.Dir != dir || interrupted.Steps == 0) {
		return
	}
	split, on := "", ""
	switch {
	case test:
		split = dataset.Test
	case val:
		split = dataset.Val
	}
	switch {
	case val:
		on = "on " + videosIn[dataset.Val]
	case test:
		on = "on " + videosIn[dataset.Test]
	}
	page, err := func() (*report.Report, error) {
		if interrupted != nil || split == "" {
			page, err := report.Run(ctx, dir, nil, on)
			if err == nil && interrupted != nil {
				page.Verdict = fmt.Sprintf("Interrupted after step %d of %d: only what was recorded until then is here.", interrupted.Step, interrupted.Steps)
			}
			return page, err
		}
		f, err := adapter.ReadFile(filepath.Join(dir, train.BestFile))
		if err != nil {
			return nil, err
		}
		m, err := measure(f, split)
		if err != nil {
			return nil, err
		}
		return report.Run(ctx, dir, m, on)
	}()
	a.writeReport(filepath.Join(dir, report.FileName), page, err)
}

// writeReport writes a page, unless err is not nil, and logs the result.
func (a *app) writeReport(path string, page *report.Report, err error) {
	if err == nil {
		err = page.WriteFile(path)
	}
	if err != nil {
		a.log.Warn("the report was not written", "reason", err)
		return
	}
	a.log.Info("report", "file", path)
}

// measureRecognizer measures a run's model on a split of its data.
func (a *app) measureRecognizer(ctx context.Context, f *adapter.File, k recognition.Config, r recognition.Run, split string) (report.Measurement, error) {
	set := map[string]*recognition.Set{dataset.Val: r.Val, dataset.Test: r.Test}[split]
	m := report.Measured{Set: set, Eval: k.Eval, Frames: f.Config.Frames, On: videosIn[split]}
	if !slices.ContainsFunc(set.Classes, func(c string) bool { return slices.Contains(r.Train.Classes, c) }) {
		m.On += " of classes that it did not learn"
	}
	// The file holds the embeddings of all these classes.
	model, err := recognition.New(f, clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads))
	if err != nil {
		return nil, err
	}
	m.Result, err = model.Evaluate(ctx, set, k.Eval)
	return m, err
}

// reportFewShot writes the report of the episodes that were done; f may be nil.
func (a *app) reportFewShot(dir string, f *recognition.FewShotResult, episodes []dataset.Episode) {
	if f == nil || len(f.Each) == 0 {
		return
	}
	page, err := report.FewShot(dir, f, episodes)
	a.writeReport(filepath.Join(dir, report.FileName), page, err)
}

// reportEvaluation writes the report that was asked for; run is "" for the backbone by
// itself.
func reportEvaluation(ctx context.Context, path, run string, m report.Measurement) error {
	page, err := report.Evaluation(ctx, run, m)
	if err == nil {
		err = page.WriteFile(path)
	}
	if err != nil {
		return fmt.Errorf("the report was not written: %w", err)
	}
	return nil
}
