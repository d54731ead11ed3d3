package localization

import (
	"errors"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/train"
)

// Task is the name of the task in the model file of a localizer.
const Task = "localization"

// Config holds the settings for training a localizer.
type Config struct {
	adapter.TrainConfig     // of the second stage; a batch consists of labeled segments
	ClassesPerStep      int `json:"classes_per_step"`

	// Half of the labeled segments are true segments; the others are proposals that
	// overlap one with a tIoU of at least Positive. Proposals of which at most the share
	// Negative is within true segments are background: they are trained toward equal
	// probabilities for all classes, with weight BackgroundWeight in the loss.
	Positive         float64 `json:"positive"`
	Negative         float64 `json:"negative"`
	BackgroundWeight float64 `json:"background_weight"`

	Eval Evaluation `json:"evaluation"`

	Detector      proposal.Config `json:"detector"`
	DetectorTrain train.Config    `json:"detector_train"`
}

// Evaluation holds the settings that turn proposals into detections.
type Evaluation struct {
	ClassesPerProposal int `json:"classes_per_proposal"` // the most probable ones, each a detection
	MaxDetections      int `json:"max_detections"`       // per video; see [proposal.MaxPerVideo]
	// VideoScore multiplies the score of a detection by the probability of its class in
	// the whole video: the mean over the proposals, weighted by their scores.
	VideoScore bool `json:"video_score"`
	// TIoU holds the thresholds of the metrics.
	TIoU []float64 `json:"tiou"`
}

// Preset returns the settings of a preset of [adapter.Preset] for the second stage.
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

// DefaultConfig returns the settings of [adapter.PresetDefault].
func DefaultConfig() Config {
	c, err := Preset(adapter.PresetDefault)
	if err != nil {
		panic(err)
	}
	return c
}

// check fills in defaults and returns an error for invalid settings.
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
	return errors.Join(c.Eval.check(), c.TrainConfig.Check(1, "segments"), c.Detector.Check(), detector.Check())
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
