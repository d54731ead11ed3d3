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
	"strings"

	"github.com/clipcue/clipcue/internal/train"
	"github.com/clipcue/clipcue/prompt"
	"github.com/clipcue/clipcue/proposal"
)

// Task is how a model file of a localiser names its task.
const Task = "localization"

// Config are the settings of training a localiser.
type Config struct {
	Adapter prompt.Config `json:"adapter"`
	Train   train.Config  `json:"train"` // of the second stage
	Batch   int           `json:"batch"` // labelled segments a step
	Classes int           `json:"contrast"`
	// VideoAnchor is the weight of [prompt.Pass.AnchorVideo] in the loss.
	VideoAnchor float64 `json:"video_anchor,omitempty"`

	// Half of the labelled segments are true ones, half are proposals that overlap
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
	Most    int `json:"most"`    // detections a video, the best
	// VideoScore multiplies a detection's score by its class's probability in the
	// video as a whole: the mean over the proposals, by their scores.
	VideoScore bool `json:"video_score"`
	// TIoU are the thresholds that results are measured at.
	TIoU []float64 `json:"tiou"`
}

// The names of the presets.
const (
	PresetDefault = "default"
	PresetPaper   = "paper"
)

// Presets are the names that [Preset] knows.
var Presets = []string{PresetDefault, PresetPaper}

// Preset returns settings that go together: the paper's second stage, or the one
// that goes beyond it to keep new classes recognisable, as in package recognition.
func Preset(name string) (Config, error) {
	c := Config{
		Adapter: prompt.Default(),
		Train:   train.Config{Steps: 1000, Rate: 1e-4, Schedule: "constant", Decay: 0.01},
		Batch:   64, Classes: 400, Positive: 0.5, Negative: 0.1,
		Eval:     Evaluation{Classes: 2, Most: 200, TIoU: THUMOS},
		Detector: proposal.Default(), DetectorTrain: proposal.DefaultTraining(),
	}
	switch name {
	case PresetPaper:
	case PresetDefault:
		c.Adapter.Residual, c.VideoAnchor, c.Background = true, 1, 0.5
	default:
		return Config{}, fmt.Errorf("preset %q is not known: it is %s", name, strings.Join(Presets, " or "))
	}
	return c, nil
}

// DefaultConfig is [PresetDefault].
func DefaultConfig() Config {
	c, err := Preset(PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check completes the settings and reports those that make no sense.
func (c *Config) check() error {
	if c.Adapter.TemporalLayers == 0 {
		c.VideoAnchor = 0 // there is nothing to anchor
	}
	c.Detector.Overlap = min(c.Detector.Overlap, c.Detector.Frames/4)
	number := func(x float64) bool { return x >= 0 && !math.IsInf(x, 0) }
	switch {
	case c.Batch < 1:
		return fmt.Errorf("a batch of %d: it takes at least 1 segment", c.Batch)
	case c.Classes < 2:
		return fmt.Errorf("a contrast of %d classes: it takes at least 2", c.Classes)
	case !number(c.VideoAnchor) || !number(c.Background):
		return fmt.Errorf("weights %v and %v of the anchor and the background: it takes numbers from 0 up", c.VideoAnchor, c.Background)
	case !(c.Positive > 0 && c.Positive <= 1) || !(c.Negative >= 0 && c.Negative < c.Positive):
		return fmt.Errorf("proposals are positive from a tIoU of %v and background to a share of %v: it takes 0 <= negative < positive <= 1", c.Positive, c.Negative)
	}
	return errors.Join(c.Eval.check(), c.Train.Check())
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
