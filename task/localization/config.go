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
	adapter.TrainConfig     // of the second stage; a batch is of labeled segments
	ClassesPerStep      int `json:"classes_per_step"`

	// Half of the labeled segments are true ones, half are proposals that overlap
	// a true one by the tIoU Positive or more. Proposals of which at most the share
	// Negative lies in true segments are background: they are no class, but lower
	// the score of all, because their probabilities are to be even. (By their tIoU,
	// short parts of long segments would be background, too.) Background is their
	// weight in the loss.
	Positive         float64 `json:"positive"`
	Negative         float64 `json:"negative"`
	BackgroundWeight float64 `json:"background_weight"`

	Eval Evaluation `json:"evaluation"`

	Detector      proposal.Config `json:"detector"`
	DetectorTrain train.Config    `json:"detector_train"`
}

// Evaluation says how proposals become detections.
type Evaluation struct {
	ClassesPerProposal int `json:"classes_per_proposal"` // the likeliest ones of a proposal, each a detection
	MaxDetections      int `json:"max_detections"`       // the best ones of a video; see [proposal.MaxPerVideo]
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
		TrainConfig: l, ClassesPerStep: 400, Positive: 0.5, Negative: 0.1,
		Eval:     Evaluation{ClassesPerProposal: 2, MaxDetections: 200, TIoU: THUMOSThresholds},
		Detector: proposal.DefaultConfig(), DetectorTrain: proposal.DefaultTrainConfig(),
	}
	if name == adapter.PresetDefault {
		c.BackgroundWeight = 0.5
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
	case c.ClassesPerStep < 2:
		return fmt.Errorf("classes per step must be at least 2, got %d", c.ClassesPerStep)
	case !(c.BackgroundWeight >= 0) || math.IsInf(c.BackgroundWeight, 0):
		return fmt.Errorf("background weight must be at least 0, got %v", c.BackgroundWeight)
	case !(c.Positive > 0 && c.Positive <= 1) || !(c.Negative >= 0 && c.Negative < c.Positive):
		return fmt.Errorf("thresholds must satisfy 0 <= negative < positive <= 1, got positive %v and negative %v", c.Positive, c.Negative)
	}
	detector := c.DetectorTrain // a copy, because Check fills in defaults
	return errors.Join(c.Eval.check(), c.TrainConfig.Check(1, "segment"), c.Detector.Check(), detector.Check())
}

func (e Evaluation) check() error {
	switch {
	case e.ClassesPerProposal < 1:
		return fmt.Errorf("classes per proposal must be at least 1, got %d", e.ClassesPerProposal)
	case e.MaxDetections < 1:
		return fmt.Errorf("maximum number of detections must be at least 1, got %d", e.MaxDetections)
	}
	return nil
}
