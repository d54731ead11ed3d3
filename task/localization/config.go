// Package localization finds what happens when in long videos: class-agnostic
// proposals (package proposal), each named by its cosine with prompted class names
// (Ju et al., ECCV 2022, section 4.2). Both are learned from timed segments; the
// classes can be exchanged for new ones by their names alone.
//
// All times are seconds as a player shows them, unless said otherwise.
package localization

import (
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
)

// Task is how a model file of a localizer names its task.
const Task = "localization"

// Config are the settings of training a localizer.
type Config struct {
	adapter.Learning     // of the second stage; a batch is of labeled segments
	Classes          int `json:"contrast"`

	// Half of the labeled segments are true ones, half are proposals that overlap
	// a true one by the tIoU Positive or more. Proposals of which at most the share
	// Negative lies in true segments are background: they are no class, but lower
	// the score of all, because their probabilities are to be even. (By their tIoU,
	// short parts of long segments would be background, too.) Background is their
	// weight in the loss.
	Positive   float64 `json:"positive"`
	Negative   float64 `json:"negative"`
	Background float64 `json:"background"`

	Eval Evaluation `json:"evaluation"`

	Detector      proposal.Config `json:"detector"`
	DetectorTrain train.Config    `json:"detector_train"`
}

// Evaluation says how proposals become detections.
type Evaluation struct {
	Classes int `json:"classes"` // the likeliest ones of a proposal, each a detection
	Most    int `json:"most"`    // detections a video, the best; see [proposal.PerVideo]
	// VideoScore multiplies a detection's score by its class's probability in the
	// video as a whole: the mean over the proposals, by their scores.
	VideoScore bool `json:"video_score"`
	// TIoU are the thresholds that results are measured at.
	TIoU []float64 `json:"tiou"`
}

// Preset returns settings that go together, as [adapter.Preset], for the second stage.
func Preset(name string) (Config, error) {
	l, err := adapter.Preset(name)
	c := Config{
		Learning: l, Classes: 400, Positive: 0.5, Negative: 0.1,
		Eval:     Evaluation{Classes: 2, Most: 200, TIoU: THUMOS},
		Detector: proposal.Default(), DetectorTrain: proposal.DefaultTraining(),
	}
	if name == adapter.PresetDefault {
		c.Background = 0.5
	}
	return c, err
}

// DefaultConfig is the preset of that name.
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error {
	c.Detector.Overlap = min(c.Detector.Overlap, c.Detector.Frames/4)
	switch {
	case c.Classes < 2:
		return fmt.Errorf("a contrast of %d classes: it takes at least 2", c.Classes)
	case !(c.Background >= 0) || math.IsInf(c.Background, 0):
		return fmt.Errorf("a weight %v of the background: it takes a number from 0 up", c.Background)
	case !(c.Positive > 0 && c.Positive <= 1) || !(c.Negative >= 0 && c.Negative < c.Positive):
		return fmt.Errorf("proposals are positive from a tIoU of %v and background to a share of %v: it takes 0 <= negative < positive <= 1", c.Positive, c.Negative)
	}
	return errors.Join(c.Eval.check(), c.Learning.Check(1, "segment"))
}

func (e Evaluation) check() error {
	switch {
	case e.Classes < 1:
		return fmt.Errorf("%d classes a proposal: it takes at least 1", e.Classes)
	case e.Most < 1:
		return fmt.Errorf("%d detections a video: it takes at least 1", e.Most)
	}
	return nil
}
