// Package jobs has three short functions: classify a video, extract features, create and
// search a library.
package jobs

import (
	"context"
	"errors"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/task/recognition"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/video"
)

// Classify returns the classes of a video by decreasing probability.
func Classify(ctx context.Context, run, path string) ([]recognition.Prediction, error) {
	recognizer, err := recognition.Open(ctx, run, adapter.OpenOptions{})
	if err != nil {
		return nil, err
	}
	return recognizer.ClassifyVideo(ctx, path)
}

// Extract stores the frame features of videos, eight per second.
func Extract(ctx context.Context, model, dir string, paths ...string) (feature.Report, error) {
	backbone, err := hub.Load(model, clip.Options{Towers: clip.ImageTower})
	found, err2 := video.Discover(paths)
	store, err3 := feature.Create(dir)
	if err := errors.Join(err, err2, err3); err != nil {
		return feature.Report{}, err
	}
	return feature.Extract(ctx, backbone, found.Videos, store, feature.Options{Sampling: video.AtRate(8)})
}

// Search indexes videos in a library and returns the ten best moments for a text query.
func Search(ctx context.Context, backbone *clip.Model, dir, query string, paths ...string) (*library.Response, error) {
	embedder := retrieval.Baseline(backbone)
	options := library.Options{Extract: feature.Options{Sampling: video.AtRate(2)}}
	if _, err := library.Index(ctx, dir, backbone, embedder, paths, options); err != nil {
		return nil, err
	}
	l, err := library.Open(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Search(ctx, embedder, query, 10)
}
