package localization

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
)

// DetectorDir is the folder within a run folder that holds the run of the first stage.
const DetectorDir = "proposals"

// Run is a training run: its folder, its data and the frozen backbone.
type Run struct {
	train.Run
	Sets
	Backbone     *clip.Model
	BackbonePath string // of the weight file; stored in model files
	// Detector is a trained first stage; nil to train one.
	Detector *proposal.Detector
	// Proposals replace those of a detector; nil for none.
	Proposals Results
}

// Sets holds the training set of a run, and the validation or the test set.
type Sets = train.Sets[Set]

// Train trains a localizer and writes the run folder: first the detector, in a run folder
// within it, then the classifier of its proposals. Each stage can be resumed; the result is
// bitwise the same.
func Train(ctx context.Context, c Config, r Run) (train.Result, error) {
	if err := c.check(); err != nil {
		return train.Result{}, &train.ConfigError{Err: err}
	}
	if r.Train == nil || len(r.Train.Videos) == 0 {
		return train.Result{}, errors.New("the training set has no videos")
	}
	r.Log = cmp.Or(r.Log, slog.Default())
	if _, err := os.Stat(filepath.Join(r.Dir, train.LastFile)); err == nil && !r.Resume {
		return train.Result{}, &train.ExistsError{Dir: r.Dir}
	}
	rate, err := r.Train.rate()
	if err != nil {
		return train.Result{}, err
	}
	// Invalid data of the second stage is found before the first is trained.
	l, err := newLearner(r.Backbone, c, r.Train, rate)
	if err != nil {
		return train.Result{}, err
	}
	if s := r.Eval(); s != nil {
		if err := s.measurable(rate); err != nil {
			return train.Result{}, err
		}
	}
	if err := r.propose(ctx, &c, rate); err != nil {
		return train.Result{}, err
	}
	of := func(s *Set) (p Proposals, err error) {
		if s == nil {
			return nil, nil
		}
		if r.Detector != nil {
			return s.Propose(ctx, r.Detector, r.Progress)
		}
		p, unnamed, err := s.MatchProposals(r.Proposals)
		if unnamed > 0 {
			r.Log.Warn("some videos have no entry in the proposals, so nothing is found in them", "videos", unnamed)
		}
		return p, err
	}
	learned, err := of(r.Train)
	if err != nil {
		return train.Result{}, r.interrupted(ctx, err)
	}
	if err := l.gather(learned); err != nil {
		return train.Result{}, err
	}
	r.Log.Info("training examples", "segments", len(l.real), "proposals_that_overlap", len(l.overlapping), "background", len(l.background))
	l.detector, l.backbone = r.Detector, r.BackbonePath
	l.test, l.selects = r.Eval(), r.Val != nil
	if l.proposed, err = of(r.Eval()); err != nil {
		return train.Result{}, r.interrupted(ctx, err)
	}
	c.Adapter = l.adapter.Config()
	return loop.Run(ctx, r.Run, r.config(c), c.Train, l)
}

// interrupted returns the error of a run for a context that ended between the stages.
func (r Run) interrupted(ctx context.Context, err error) error {
	if err != nil && errors.Is(err, ctx.Err()) {
		return &train.InterruptedError{Dir: r.Dir, Err: err}
	}
	return err
}

// propose trains or checks the first stage, and stores its settings in c.
func (r *Run) propose(ctx context.Context, c *Config, rate float64) error {
	if r.Proposals != nil {
		return nil
	}
	if r.Detector == nil {
		c.Detector.Rate = rate
		run := proposal.Run{Run: r.Run, Features: r.Train.cache}
		run.Dir, run.Note = filepath.Join(r.Dir, DetectorDir), nil
		var err error
		if run.Train, err = r.Train.examples(); err != nil {
			return err
		}
		if r.Val != nil {
			if run.Val, err = r.Val.examples(); err != nil {
				return err
			}
		}
		if r.Detector, _, err = proposal.Train(ctx, c.Detector, c.DetectorTrain, run); err != nil {
			return err
		}
	}
	if e := r.Backbone.Config().Embed; r.Detector.Width() != e {
		return fmt.Errorf("the detector was trained on features of width %d, but the backbone has width %d", r.Detector.Width(), e)
	}
	c.Detector = r.Detector.Config()
	return nil
}

// rate returns the median frame rate of the set's videos.
func (s *Set) rate() (float64, error) {
	rate, err := feature.MedianFrameRate(func(yield func(*feature.Sequence, error) bool) {
		for _, v := range s.Videos {
			if !yield(s.Load(v)) {
				return
			}
		}
	})
	if err == nil && rate == 0 {
		err = errors.New("no training video has two frames")
	}
	return rate, err
}

// measurable returns an error if a set cannot be evaluated at rate frames per second.
func (s *Set) measurable(rate float64) error {
	if s.Truth().Count() == 0 {
		return fmt.Errorf("%s: the evaluation videos have no segments", s.source.Source)
	}
	for _, v := range s.Videos {
		q, err := s.Load(v)
		if err == nil {
			_, err = q.Resample(rate)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// config returns the content of config.json: all settings, resolved.
func (r Run) config(c Config) any {
	return struct {
		Config
		Task     string   `json:"task"`
		Backbone string   `json:"backbone"`
		Path     string   `json:"model"`
		Labels   []string `json:"classes"`
		Videos   int      `json:"videos"`
		Segments int      `json:"segments"`
		Data     any      `json:"data,omitempty"`
	}{c, Task, r.Backbone.Fingerprint(), r.BackbonePath, r.Train.Classes, len(r.Train.Videos), r.Train.Truth().Count(), r.Note}
}
