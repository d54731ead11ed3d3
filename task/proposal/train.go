package proposal

import (
	"context"
	"path/filepath"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/train"
)

// Run is a training run of a detector.
type Run struct {
	train.Run
	Features *feature.Cache // holds the sequences of all examples
	Train    []Example
	// Val, which may be empty, is evaluated during the run and selects the best step.
	Val []Example
}

// DefaultTrainConfig returns the settings of the training loop that go with
// [DefaultConfig].
func DefaultTrainConfig() train.Config {
	return train.Config{Steps: 500, LearningRate: 2e-3, Schedule: "cosine", Warmup: 50, WeightDecay: 0.05, ClipNorm: 1, EMADecay: 0.98}
}

// Train trains a detector, writes the run's folder and returns the detector of the
// best step.
func Train(ctx context.Context, c Config, t train.Config, r Run) (*Detector, train.Result, error) {
	if err := t.Check(); err != nil {
		return nil, train.Result{}, err
	}
	l, err := newLearner(c, t, r)
	if err != nil {
		return nil, train.Result{}, err
	}
	about := struct {
		Task     string       `json:"task"`
		Detector Config       `json:"detector"`
		Train    train.Config `json:"train"`
		Width    int          `json:"width"`
		Videos   int          `json:"videos"`
		Data     any          `json:"data,omitempty"`
	}{task, l.detector.config, t, l.detector.embed, len(r.Train), r.Note}
	result, err := loop.Run(ctx, r.Run, about, t, l)
	if err != nil {
		return nil, result, err
	}
	best, err := ReadFile(filepath.Join(r.Dir, train.BestFile))
	return best, result, err
}
