// Package demo is what `clipcue demo` does: the whole path from rendered videos
// to a recogniser, in a folder that holds everything it made.
package demo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	pathpkg "path"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/progress"
	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
	"github.com/clipcue/clipcue/recognition"
	"github.com/clipcue/clipcue/synth"
	"github.com/clipcue/clipcue/video"
)

// Options say how large a demonstration is.
type Options struct {
	Dir      string
	Seed     uint64
	PerClass int // videos a class
	Steps    int // training steps of each recogniser
	Threads  int
	Log      *slog.Logger
	Progress *progress.Progress // may be nil
}

// Result is what the demonstration found.
type Result struct {
	Videos   int      `json:"videos"`
	Classes  []string `json:"classes"`
	Backbone string   `json:"backbone"`
	Rows     []Row    `json:"rows"`
	Unseen   []Unseen `json:"unseen"`
	Model    string   `json:"model"` // the last row's
}

// Row is a way of recognising and how well it does on the test videos.
type Row struct {
	Name string  `json:"name"`
	Top1 float64 `json:"top1"`
	Top5 float64 `json:"top5"`
}

// Unseen is a video that was rendered after the training, with what the last
// row's recogniser says of it.
type Unseen struct {
	Path  string                 `json:"path"`
	Label string                 `json:"label"`
	Says  recognition.Prediction `json:"says"`
}

// size is the demonstration's backbone: small enough for a minute on two cores.
var size = clip.Config{
	Embed: 256, ImageSize: 64, PatchSize: 8, VisionWidth: 128, VisionLayers: 2, VisionHeads: 2,
	Context: 77, Vocab: 1514, TextWidth: 128, TextLayers: 2, TextHeads: 2, Activation: "quick_gelu", Eps: 1e-5,
}

// rate is the frames a second that are sampled: 16 frames of a video, which is a
// window.
const rate = 8

// classes come in pairs that show the same pictures in the opposite order.
var classes = []string{"moving left", "moving right", "growing", "shrinking", "appearing", "vanishing"}

// Run makes everything below o.Dir that is not there yet and returns the table.
func Run(ctx context.Context, o Options) (*Result, error) {
	path := filepath.Join(o.Dir, "backbone")
	if err := clip.WriteFolder(path, clip.RandomWeights(size, o.Seed)); err != nil {
		return nil, err
	}
	m, err := clip.Load(path, clip.Options{Threads: o.Threads})
	if err != nil {
		return nil, err
	}
	videos, features := filepath.Join(o.Dir, "videos"), filepath.Join(o.Dir, "features")
	manifest, err := o.render(ctx, videos, synth.Options{Seed: o.Seed, PerClass: o.PerClass, Classes: classes})
	if err != nil {
		return nil, err
	}
	if err := o.extract(ctx, m, videos, features); err != nil {
		return nil, err
	}
	data := recognition.Data{Path: manifest, Features: features, TestShare: 0.25}
	opened, err := data.Open(m.Fingerprint())
	if err != nil {
		return nil, err
	}
	trainSet, _, test, err := data.Sets(opened)
	if err != nil {
		return nil, err
	}
	out := &Result{Videos: len(trainSet.Videos) + len(test.Videos), Classes: trainSet.Classes, Backbone: m.Fingerprint()}
	templates, err := recognition.ZeroShot(m, trainSet.Classes, nil)
	if err != nil {
		return nil, err
	}
	var last *recognition.Recogniser
	for _, way := range []struct {
		name   string
		layers int // of the temporal Transformer; below 0 for no training
	}{
		{"hand-written templates, no training", -1},
		{"prompts, mean of the frames", 0},
		{"prompts and temporal Transformer", 1},
	} {
		last = templates
		if way.layers >= 0 {
			if last, err = o.train(ctx, m, path, data, trainSet, test, way.layers, out); err != nil {
				return nil, err
			}
		}
		r, err := last.Evaluate(ctx, test, recognition.DefaultConfig().Eval)
		if err != nil {
			return nil, err
		}
		out.Rows = append(out.Rows, Row{way.name, r.Top1, r.Top5})
	}
	out.Unseen, err = o.classify(ctx, m, last)
	return out, err
}

func (o Options) render(ctx context.Context, dir string, s synth.Options) (manifest string, err error) {
	var bar *progress.Bar
	defer func() { bar.Done() }()
	return synth.Generate(ctx, dir, s, func(done, total int) {
		if bar == nil {
			bar = o.Progress.Start("render", int64(total), "videos")
		}
		bar.Set(int64(done))
	})
}

func (o Options) extract(ctx context.Context, m *clip.Model, videos, features string) error {
	sources, err := video.Discover([]string{videos})
	if err != nil {
		return err
	}
	store, err := feature.Create(features)
	if err != nil {
		return err
	}
	report, err := feature.Extract(ctx, m, sources, store, feature.Options{Sampling: video.AtRate(rate), Progress: o.Progress})
	if err != nil {
		return err
	}
	o.Log.Info("extracted", "report", report.String())
	return nil
}

// train trains a recogniser with so many temporal layers.
func (o Options) train(ctx context.Context, m *clip.Model, path string, data recognition.Data, trainSet, test *recognition.Set, layers int, out *Result) (*recognition.Recogniser, error) {
	c, err := recognition.Preset(recognition.PresetPaper)
	if err != nil {
		return nil, err
	}
	c.Adapter.Prefix, c.Adapter.Postfix, c.Adapter.TemporalLayers = 4, 4, layers
	c.Train.Steps, c.Train.Rate, c.Train.Schedule, c.Train.Seed = o.Steps, 1e-3, "cosine", o.Seed
	c.Train.Warmup = o.Steps / 20
	c.Train.EvalEvery = o.Steps
	dir := filepath.Join(o.Dir, fmt.Sprintf("run-%d-temporal-layers", layers))
	_, err = recognition.Train(ctx, c, recognition.Run{Dir: dir, Backbone: m, Path: path, Train: trainSet, Test: test,
		Resume: true, Note: data, Log: o.Log, Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	out.Model = filepath.Join(dir, train.BestFile)
	f, err := prompt.ReadFile(out.Model)
	if err != nil {
		return nil, err
	}
	return recognition.New(f, m)
}

// classify renders a video of each class that nothing has seen, and names them.
func (o Options) classify(ctx context.Context, m *clip.Model, r *recognition.Recogniser) ([]Unseen, error) {
	dir := filepath.Join(o.Dir, "unseen")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	if _, err := o.render(ctx, dir, synth.Options{Seed: o.Seed + 1, PerClass: 2, Classes: classes}); err != nil {
		return nil, err
	}
	sources, err := video.Discover([]string{dir})
	if err != nil {
		return nil, err
	}
	out, place := make([]Unseen, len(sources)), map[string]int{}
	for i, s := range sources {
		place[s.ID] = i
		out[i] = Unseen{Path: s.Path, Label: strings.ReplaceAll(pathpkg.Dir(s.ID), "_", " ")}
	}
	_, err = feature.Each(ctx, m, sources, feature.Options{Sampling: video.AtRate(rate), Progress: o.Progress}, func(q *feature.Sequence) error {
		p, err := r.Classify(q)
		if err == nil {
			out[place[q.ID]].Says = p[0]
		}
		return err
	})
	return out, err
}
