package retrieval

import (
	"context"
	"log/slog"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/progress"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// Run is what a training run needs beside its settings.
type Run struct {
	Dir          string // where the run's files go
	Backbone     *clip.Model
	BackbonePath string // the backbone's, noted in model files
	Train        *Set
	// Val, if there is one, is measured as the run goes and chooses the best
	// step. Test is measured in its place when there is none, but chooses
	// nothing: the last step is the best then.
	Val, Test *Set
	Resume    bool
	// Note is written to config.json beside the settings, for what the data was.
	Note     any
	Log      *slog.Logger       // nil for slog's default
	Progress *progress.Progress // nil for none
}

// Train trains a retriever and writes the run's folder. Captions that do not fit
// into the model's context are cut, with a warning that counts them.
func Train(ctx context.Context, c Config, r Run) (train.Result, error) {
	if err := c.check(); err != nil {
		return train.Result{}, err
	}
	c.Batch = max(2, min(c.Batch, len(r.Train.Videos)))
	for _, s := range []*Set{r.Val, r.Test} {
		if s != nil {
			if err := s.enough(); err != nil {
				return train.Result{}, err
			}
		}
	}
	test := r.Test
	if r.Val != nil {
		test = r.Val
	}
	l, err := newLearner(r.Backbone, c, r.Train, test)
	if err != nil {
		return train.Result{}, err
	}
	c.Adapter = l.adapter.Config()
	l.selects, l.backbone = r.Val != nil, r.BackbonePath
	if r.Log == nil {
		r.Log = slog.Default()
	}
	// Every caption has to be one that can be learned, whether a step takes it or not.
	if _, cut, err := l.adapter.Texts(r.Train.Texts()); err != nil {
		return train.Result{}, err
	} else if cut > 0 {
		r.Log.Warn("captions are longer than the model's context and are cut", "captions", cut, "of", len(r.Train.Captions))
	}
	return loop.Run(ctx, r.Dir, r.config(c), c.Train, l, r.Resume, r.Log, r.Progress)
}

// config is what config.json says: everything resolved.
func (r Run) config(c Config) any {
	return struct {
		Config
		Task     string `json:"task"`
		Backbone string `json:"backbone"`
		Path     string `json:"model"`
		Videos   int    `json:"videos"`
		Captions int    `json:"captions"`
		Data     any    `json:"data,omitempty"`
	}{c, Task, r.Backbone.Fingerprint(), r.BackbonePath, len(r.Train.Videos), len(r.Train.Captions), r.Note}
}
