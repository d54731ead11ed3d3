package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/internal/report"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
	"github.com/clipcue/clipcue/recognition"
)

// videosIn names the videos of a split for a reader.
var videosIn = map[string]string{
	dataset.Train: "training videos (it learned from them)",
	dataset.Val:   "validation videos",
	dataset.Test:  "test videos",
}

// reportRun writes the report of a run that ended with trained, well or by an
// interrupt. The run is done: a report that fails is a warning.
func (a *app) reportRun(ctx context.Context, k recognition.Config, r recognition.Run, trained error) {
	var interrupted *train.InterruptedError
	if trained != nil && !errors.As(trained, &interrupted) {
		return
	}
	page, err := a.runPage(ctx, k, r, interrupted)
	a.writeReport(filepath.Join(r.Dir, report.FileName), page, err)
}

// writeReport writes a page that was made with err, and says so.
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

func (a *app) runPage(ctx context.Context, k recognition.Config, r recognition.Run, interrupted *train.InterruptedError) (*report.Report, error) {
	set, split, on := r.Test, dataset.Test, ""
	if set == nil {
		set, split = r.Val, dataset.Val
	}
	switch {
	case r.Val != nil:
		on = "on " + videosIn[dataset.Val]
	case r.Test != nil:
		on = "on " + videosIn[dataset.Test]
	}
	if interrupted != nil || set == nil {
		page, err := report.Run(ctx, r.Dir, nil, on)
		if err != nil {
			return nil, err
		}
		page.Verdict = "There were no videos to test on, so nothing but the loss was measured."
		if interrupted != nil {
			page.Verdict = fmt.Sprintf("Interrupted after step %d of %d: only what was recorded until then is here.", interrupted.Step, interrupted.Steps)
		}
		return page, nil
	}
	f, err := prompt.ReadFile(filepath.Join(r.Dir, train.BestFile))
	if err != nil {
		return nil, err
	}
	m := report.Measured{Set: set, Eval: k.Eval, Frames: f.Config.Frames, On: videosIn[split]}
	if !slices.ContainsFunc(set.Classes, func(c string) bool { return slices.Contains(r.Train.Classes, c) }) {
		m.On += " of classes that it did not learn"
	}
	// The file holds the embeddings of all these classes.
	model, err := recognition.New(f, clip.Bare(f.Backbone.Config, f.Backbone.Fingerprint, a.threads))
	if err != nil {
		return nil, err
	}
	if m.Result, err = model.Evaluate(ctx, set, k.Eval); err != nil {
		return nil, err
	}
	return report.Run(ctx, r.Dir, &m, on)
}

// reportFewShot writes the report of the episodes that were done; f may be nil.
func (a *app) reportFewShot(dir string, f *recognition.FewShotResult, episodes []dataset.Episode) {
	if f == nil || len(f.Each) == 0 {
		return
	}
	page, err := report.FewShot(dir, f, episodes)
	a.writeReport(filepath.Join(dir, report.FileName), page, err)
}

// reportEvaluation writes the report that was asked for.
func reportEvaluation(ctx context.Context, path, run string, m *report.Measured) error {
	page, err := report.Evaluation(ctx, run, m)
	if err == nil {
		err = page.WriteFile(path)
	}
	if err != nil {
		return fmt.Errorf("the report was not written: %w", err)
	}
	return nil
}
