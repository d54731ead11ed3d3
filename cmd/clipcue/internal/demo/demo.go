// Package demo implements `clipcue demo`: the paper's comparison on a small scale, with
// rendered videos and the built-in backbone. All its files are in one folder.
package demo

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/recognition"
)

// Options set the size of a demo.
type Options struct {
	Dir       string
	Seed      uint64
	PerMotion int // videos to render of each motion
	Takes     int // in each of them
	PerObject int // and of each colored shape
	Seeds     int // trainings of each way, from other initial values
	Episodes  int // few-shot problems
	Steps     int // of a training on all motions
	// ShortSteps are those of the others, which have less to learn.
	ShortSteps int
	Ablation   bool
	Threads    int
	Log        *slog.Logger
	Progress   progress.Func // may be nil
}

// Result holds the results of a demo.
type Result struct {
	Backbone string   `json:"backbone"` // its fingerprint
	Videos   int      `json:"videos"`   // that were rendered
	Tables   []*Table `json:"tables"`
	Unseen   []Unseen `json:"unseen"`
	Model    string   `json:"model"` // that named the unseen
	Report   string   `json:"report"`
}

// Table compares methods on one task.
type Table struct {
	Title  string  `json:"title"`
	Note   string  `json:"note"` // what was measured on what
	Chance float64 `json:"chance"`
	Rows   []*Row  `json:"rows"`
}

// Row is a method and its accuracy.
type Row struct {
	Name string    `json:"name"`
	Each []float64 `json:"each"` // top-1 of every seed or episode
	Top1 float64   `json:"top1"` // their mean
	// Half is half the width of the mean's 95 % confidence interval over seeds or
	// episodes; 0 where there is only one.
	Half float64 `json:"half_interval"`
}

// summarize computes the mean and its confidence interval from Student's t-distribution.
func (r *Row) summarize() {
	r.Top1, r.Half = recognition.ConfidenceInterval(r.Each)
}

// Unseen is a video that was rendered after training, with the prediction of the
// default preset's recognizer.
type Unseen struct {
	Path  string                 `json:"path"`
	Label string                 `json:"label"`
	Says  recognition.Prediction `json:"says"`
}

// template has the form of the backbone's training captions.
const template = "a picture of a {}."

// Run runs the demo and creates everything in o.Dir that does not exist yet.
func Run(ctx context.Context, o Options) (*Result, error) {
	m, err := tiny.Load(clip.Options{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	out := &Result{Backbone: m.Fingerprint()}
	sources := map[*world]*source{}
	for _, x := range []struct {
		*world
		each, takes int
	}{{&motions, o.PerMotion, o.Takes}, {&objects, o.PerObject, 4}} {
		s, err := o.prepare(ctx, m, x.world, x.each, x.takes)
		if err != nil {
			return nil, err
		}
		sources[x.world] = s
		out.Videos += s.videos
	}
	studies := []study{closedSet, fewShot, oneShot, zeroShot}
	if o.Ablation {
		studies = append(studies, ablations...)
	}
	var work []*job
	for i := range studies {
		t, jobs, err := studies[i].plan(o, sources[studies[i].world])
		if err != nil {
			return nil, err
		}
		out.Tables = append(out.Tables, t)
		work = append(work, jobs...)
	}
	if err := o.run(ctx, work); err != nil {
		return nil, err
	}
	for _, t := range out.Tables {
		for _, r := range t.Rows {
			r.summarize()
		}
	}
	shown, err := o.show(ctx, m, sources[&motions], out)
	if err != nil {
		return nil, err
	}
	out.Report = filepath.Join(o.Dir, "report.html")
	if err := shown.WriteFile(out.Report); err != nil {
		return nil, fmt.Errorf("the report was not written: %w", err)
	}
	return out, nil
}
