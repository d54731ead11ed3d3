package train

import (
	"log/slog"

	"github.com/clipcue/clipcue/progress"
)

// Names of the files in a run folder.
const (
	ConfigFile  = "config.json"      // all settings of the run
	MetricsFile = "metrics.jsonl"    // one line per step, one per evaluation
	LastFile    = "last.safetensors" // the latest checkpoint, with the optimizer's state
	BestFile    = "best.safetensors" // the finished model
)

// MaxConfig is the size in bytes of the largest config.json that is read.
const MaxConfig = 16 << 20

// Run holds what the training runs of all tasks have in common.
type Run struct {
	Dir      string        // the run folder
	Resume   bool          // continue the run in Dir, if there is one
	Note     any           // describes the data; stored in config.json
	Log      *slog.Logger  // nil for [slog.Default]
	Progress progress.Func // nil for none
}

// Sets holds the data of a run. Val and Test may be nil. Val, if there is one, is
// evaluated during the run and selects the best step. Otherwise Test is evaluated and
// selects nothing: the last step is the best.
type Sets[S any] struct{ Train, Val, Test *S }

// Eval returns the set that is evaluated during the run: Val, else Test, else nil.
func (s Sets[S]) Eval() *S {
	if s.Val != nil {
		return s.Val
	}
	return s.Test
}

// Result describes how a run ended.
type Result struct {
	Steps    int            // completed, over all sessions of the run
	BestStep int            // the step that BestFile holds
	Metrics  map[string]any // measured at BestStep
}

// State is what a run needs to resume, in addition to the parameters.
type State struct {
	Step      int            `json:"step"` // completed steps
	BestStep  int            `json:"best_step"`
	BestScore float64        `json:"best_score"`
	Metrics   map[string]any `json:"metrics,omitempty"` // measured at BestStep
	// Optimizer holds the optimizer's moments and, if the weights are averaged, the
	// weights themselves, by tensor name.
	Optimizer map[string][]float32 `json:"-"`
}
