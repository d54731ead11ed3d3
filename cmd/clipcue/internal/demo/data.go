package demo

import (
	"context"
	"path/filepath"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/video"
)

// world is a kind of rendered videos. Each video has several takes of its class, and
// each take has its own label: starting ffmpeg takes longer than encoding or decoding
// a take.
type world struct {
	name   string
	kind   synth.Kind
	set    synth.Set
	labels []string
}

const (
	// rate is the sampling in frames per second. It samples all 24 frames of a take, so
	// that training draws different windows of 16.
	rate = 12
	// side of a video in pixels, as the backbone expects.
	side = 64
)

var (
	// motions come in pairs that show the same frames in opposite order.
	motions = world{name: "motions", kind: synth.KindMotions, labels: []string{
		"moving left", "moving right", "growing", "shrinking", "appearing", "vanishing"}}
	// objects are recognizable in a single frame, whatever their motion.
	objects = world{name: "objects", kind: synth.KindObjects, set: synth.Seen}
)

// source holds the videos of a world and their features.
type source struct {
	data   recognition.Data
	opened *recognition.Source
	videos int
}

// prepare renders the given number of videos per class, with the given number of takes
// each, and extracts their features.
func (o Options) prepare(ctx context.Context, m *clip.Model, w *world, each, takes int) (*source, error) {
	videos, features := filepath.Join(o.Dir, "videos", w.name), filepath.Join(o.Dir, "features", w.name)
	manifest, err := o.render(ctx, videos, synth.Options{Kind: w.kind, Set: w.set, Classes: w.labels, Simple: true, Seed: o.Seed,
		PerClass: each, Takes: takes, Width: side, Height: side})
	if err != nil {
		return nil, err
	}
	found, err := video.Discover([]string{videos})
	if err != nil {
		return nil, err
	}
	store, err := feature.Create(features)
	if err != nil {
		return nil, err
	}
	report, err := feature.Extract(ctx, m, found.Videos, store, feature.Options{Sampling: video.AtRate(rate), Progress: o.Progress})
	if err != nil {
		return nil, err
	}
	o.Log.Info("extracted", "what", w.name, "report", report.String())
	data := recognition.Data{Path: manifest, Features: features}
	opened, err := data.Open(feature.BackboneOf(m))
	if err != nil {
		return nil, err
	}
	// An earlier run with more videos may have left some in the folder.
	return &source{data, opened, each * len(opened.Dataset.Classes)}, nil
}

func (o Options) render(ctx context.Context, dir string, s synth.Options) (manifest string, err error) {
	var bar *progress.Stage
	defer func() { bar.Finish() }()
	return synth.Generate(ctx, dir, s, func(done, total int) {
		if bar == nil {
			bar = o.Progress.Start("render", int64(total), "videos")
		}
		bar.Set(int64(done))
	})
}
