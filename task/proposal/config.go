package proposal

import (
	"fmt"
	"math"

	"github.com/clipcue/clipcue/video"
)

// Proposal is an interval in which an action may happen, on the clock of the sequence's
// timestamps. Score is from 0 to 1.
type Proposal struct {
	video.Span
	Score float64 `json:"score"`
}

// Config holds the settings of a detector and of its training.
type Config struct {
	Width  int `json:"width"`  // D
	Heads  int `json:"heads"`  // of the attention
	Blocks int `json:"blocks"` // before the pyramid; each level above the first has one more
	Levels int `json:"levels"` // of the pyramid
	// Window is the number of rows that attend to each other and to half as many on
	// either side; even.
	Window int `json:"window"`
	// Frames is T, the maximum number of frames in a window. A longer video is divided
	// into windows that overlap by Overlap frames.
	Frames  int `json:"frames"`
	Overlap int `json:"overlap"`
	// Rate is the frames per second of the features, Sampling how they were sampled. In
	// training, 0 and "" mean those of the training data.
	Rate     float64 `json:"rate"`
	Sampling string  `json:"sampling"`

	// Training: Batch is the number of windows per step. Crop is the maximum share of a
	// window that is cut off at random. Radius is the maximum distance, in rows, from the
	// center of a segment to a row that is to find it. BoxWeight and QualityWeight are the
	// weights of the losses of segments and of their quality; that of actionness is 1.
	Batch         int     `json:"batch"`
	Crop          float64 `json:"crop"`
	Radius        float64 `json:"radius"`
	BoxWeight     float64 `json:"box_weight"`
	QualityWeight float64 `json:"quality_weight"`

	// [Detector.Propose] returns proposals with a score of at least MinScore, at most
	// MaxProposals (for longer videos see [MaxPerVideo]), after soft-NMS with a
	// Gaussian of width Sigma.
	Sigma        float64 `json:"sigma"`
	MinScore     float64 `json:"min_score"`
	MaxProposals int     `json:"max_proposals"`
}

// DefaultConfig returns settings for a few hundred videos, at about eight frames per second.
func DefaultConfig() Config {
	return Config{Width: 128, Heads: 4, Blocks: 1, Levels: 6, Window: 32, Frames: 1024, Overlap: 256,
		Batch: 8, Crop: 0.5, Radius: 1.5, BoxWeight: 2, QualityWeight: 0.5, Sigma: 0.5, MinScore: 0.05, MaxProposals: 1000}
}

// stride returns the number of frames per row of the last level.
func (c Config) stride() int { return 1 << (c.Levels - 1) }

// Check returns an error for an invalid setting.
func (c Config) Check() error {
	within := func(x, from, to float64) bool { return x >= from && x <= to } // false for NaN
	switch {
	case c.Width < 1 || c.Width > 4096 || c.Heads < 1 || c.Width%c.Heads != 0:
		return fmt.Errorf("detector width must be 1 to 4096 and a multiple of the number of heads, got %d with %d heads", c.Width, c.Heads)
	case c.Blocks < 0 || c.Blocks > 32:
		return fmt.Errorf("number of blocks must be 0 to 32, got %d", c.Blocks)
	case c.Levels < 1 || c.Levels > 12:
		return fmt.Errorf("number of levels must be 1 to 12, got %d", c.Levels)
	case c.Window < 2 || c.Window > 4096 || c.Window%2 != 0:
		return fmt.Errorf("attention window must be an even number of rows from 2 to 4096, got %d", c.Window)
	case c.Frames < 1 || c.Frames > 1<<16 || c.Frames%c.stride() != 0:
		return fmt.Errorf("frames per window must be a multiple of %d with %d levels, up to 65536, got %d", c.stride(), c.Levels, c.Frames)
	case c.Overlap < 0 || c.Overlap > c.Frames/2:
		return fmt.Errorf("overlap must be 0 to half of the %d frames of a window, got %d", c.Frames, c.Overlap)
	case !within(c.Rate, 0, 1e6):
		return fmt.Errorf("frame rate must be 0 to 1e6, got %v", c.Rate)
	case c.Batch < 1 || c.Batch > 1<<16:
		return fmt.Errorf("batch must have 1 to 65536 windows, got %d", c.Batch)
	case !within(c.Crop, 0, 1):
		return fmt.Errorf("crop must be from 0 to 1, got %v", c.Crop)
	case !within(c.Radius, 0.5, math.MaxFloat64):
		return fmt.Errorf("radius must be at least 0.5, or some segments would lie between the rows; got %v", c.Radius)
	case !within(c.BoxWeight, 0, 1e6) || !within(c.QualityWeight, 0, 1e6):
		return fmt.Errorf("loss weights must be at least 0, got %v and %v", c.BoxWeight, c.QualityWeight)
	case !within(c.Sigma, 1e-6, 1e6):
		return fmt.Errorf("sigma of soft-NMS must be above 0, got %v", c.Sigma)
	case !within(c.MinScore, 0, 1):
		return fmt.Errorf("minimum score must be from 0 to 1, got %v", c.MinScore)
	case c.MaxProposals < 1:
		return fmt.Errorf("maximum number of proposals must be at least 1, got %d", c.MaxProposals)
	}
	return nil
}
