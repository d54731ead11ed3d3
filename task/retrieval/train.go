package retrieval

import (
	"cmp"
	"context"
	"errors"
	"log/slog"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// Run is a training run: its folder, its data and the frozen backbone.
type Run struct {
	train.Run
	Sets
	Backbone     *clip.Model
	BackbonePath string // of the weight file; stored in model files
}

// Sets holds the training, validation and test set of a run.
type Sets = train.Sets[Set]

// Train trains a retriever and writes the run folder. Captions longer than the context of
// the model are truncated, with a warning that counts them.
func Train(ctx context.Context, c Config, r Run) (train.Result, error) {
	if err := c.check(); err != nil {
		return train.Result{}, &train.ConfigError{Err: err}
	}
	if r.Train == nil || len(r.Train.Videos) == 0 {
		return train.Result{}, errors.New("the training set has no videos")
	}
	c.Batch = max(2, min(c.Batch, len(r.Train.Videos)))
	for _, s := range []*Set{r.Val, r.Test} {
		if s != nil {
			if err := s.check(); err != nil {
				return train.Result{}, err
			}
		}
	}
	l, err := newLearner(r.Backbone, c, r.Train, r.Eval())
	if err != nil {
		return train.Result{}, err
	}
	c.Adapter = l.adapter.Config()
	l.selects, l.backbone = r.Val != nil, r.BackbonePath
	r.Log = cmp.Or(r.Log, slog.Default())
	// Every caption must be valid, whether a step uses it or not.
	if _, cut, err := l.adapter.Texts(r.Train.Texts()); err != nil {
		return train.Result{}, err
	} else if cut > 0 {
		r.Log.Warn("captions are longer than the model's context and are cut", "captions", cut, "of", len(r.Train.Captions))
	}
	return loop.Run(ctx, r.Run, r.config(c), c.Train, l)
}

// config returns the content of config.json: all settings, resolved.
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
