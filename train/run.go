package train

// Names of the files in a run folder.
const (
	ConfigFile  = "config.json"      // all settings of the run
	MetricsFile = "metrics.jsonl"    // one line per step, one per evaluation
	LastFile    = "last.safetensors" // the latest checkpoint, with the optimizer's state
	BestFile    = "best.safetensors" // the finished model
)

// Result describes how a run ended.
type Result struct {
	Steps    int            // completed, over all sessions of the run
	BestStep int            // the step that BestFile holds
	Metrics  map[string]any // measured at BestStep
}

// State is what a run needs besides the parameters to resume.
type State struct {
	Step      int            `json:"step"` // completed steps
	BestStep  int            `json:"best_step"`
	BestScore float64        `json:"best_score"`
	Metrics   map[string]any `json:"metrics,omitempty"` // measured at BestStep
	// Optimizer holds the optimizer's moments and, if the weights are averaged, the
	// weights themselves, by tensor name.
	Optimizer map[string][]float32 `json:"-"`
}
