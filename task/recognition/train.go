package recognition

import (
	"context"
	"fmt"

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

// Train trains a recognizer and writes the run folder.
func Train(ctx context.Context, c Config, r Run) (train.Result, error) {
	if err := c.check(); err != nil {
		return train.Result{}, &train.ConfigError{Err: err}
	}
	if err := r.Train.check(); err != nil {
		return train.Result{}, fmt.Errorf("training data: %w", err)
	}
	if s := r.Eval(); s != nil {
		if err := s.check(); err != nil {
			return train.Result{}, fmt.Errorf("evaluation data: %w", err)
		}
	}
	l, err := newLearner(ctx, r.Backbone, c, r.Train, r.Eval())
	if err != nil {
		return train.Result{}, err
	}
	c.Adapter = l.adapter.Config()
	l.selects, l.backbone = r.Val != nil, r.BackbonePath
	return loop.Run(ctx, r.Run, r.config(c), c.Train, l)
}

// config returns the content of config.json: all settings, resolved.
func (r Run) config(c Config) any {
	return struct {
		Config
		Task     string   `json:"task"`
		Backbone string   `json:"backbone"`
		Path     string   `json:"model"`
		Classes  []string `json:"classes"`
		Videos   int      `json:"videos"`
		Data     any      `json:"data,omitempty"`
	}{c, Task, r.Backbone.Fingerprint(), r.BackbonePath, r.Train.Classes, len(r.Train.Videos), r.Note}
}
