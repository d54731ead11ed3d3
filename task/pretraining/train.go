package pretraining

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// Run is a pre-training run.
type Run struct {
	train.Run
	Train Pairs
	// EvalSets, which may be empty, are evaluated during the run. With SelectBest the
	// model is that of the step with the best retrieval on the first set, otherwise
	// that of the last step.
	EvalSets   []EvalSet
	SelectBest bool
	Threads    int // to compute on; 0 means GOMAXPROCS
}

// TrainResult describes how a run ended.
type TrainResult struct {
	train.Result
	Failed int // pairs that could not be read
}

// Train trains a model and writes the run's folder, with the model itself in
// best.safetensors, which [clip.Load] reads.
func Train(ctx context.Context, c Config, r Run) (TrainResult, error) {
	if err := c.check(); err != nil {
		return TrainResult{}, &train.ConfigError{Err: err}
	}
	if r.Train == nil {
		return TrainResult{}, errors.New("no pairs to train on")
	}
	switch n := r.Train.Len(); {
	case n < 2:
		return TrainResult{}, fmt.Errorf("there is %d pair to train on: training needs at least two", n)
	case c.Batch > n:
		return TrainResult{}, &BatchError{Batch: c.Batch, Pairs: n}
	case n > 1<<31:
		return TrainResult{}, fmt.Errorf("number of pairs must be at most %d, got %d", 1<<31, n)
	}
	r.Log = cmp.Or(r.Log, slog.Default())
	if r.SelectBest && len(r.EvalSets) == 0 {
		return TrainResult{}, errors.New("no evaluation pairs to select the best step")
	}
	l, err := newLearner(c, r)
	if err != nil {
		return TrainResult{}, err
	}
	defer l.loader.stop()
	config := struct {
		Config
		Task  string `json:"task"`
		Pairs int    `json:"pairs"`
		Data  any    `json:"data,omitempty"`
	}{l.config, "pretraining", r.Train.Len(), r.Note}
	result, err := loop.Run(ctx, r.Run, config, c.Train, l)
	return TrainResult{result, l.loader.failures() + len(l.unread)}, err
}
