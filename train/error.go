package train

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNotCheckpoint is wrapped by the error for a file that is not a clipcue model
// file of the wanted kind.
var ErrNotCheckpoint = errors.New("not a clipcue model file")

// ErrBusy is wrapped by the error for a run folder in which another process is training.
var ErrBusy = errors.New("another process is training in this folder")

// ErrNotRun is wrapped by the error for a folder that holds no training run.
var ErrNotRun = errors.New("not a run folder")

// InterruptedError reports that the context ended a run. Everything is saved, and
// the run can be resumed. It unwraps to the context's error.
type InterruptedError struct {
	Step, Steps int // completed, and in all; both are 0 between the stages of a localizer
	Dir         string
	Err         error
}

func (e *InterruptedError) Error() string {
	if e.Steps == 0 {
		return fmt.Sprintf("interrupted between the stages; everything is saved in %s", e.Dir)
	}
	return fmt.Sprintf("interrupted after step %d of %d; everything is saved in %s", e.Step, e.Steps, e.Dir)
}

func (e *InterruptedError) Unwrap() error { return e.Err }

// ConfigError reports that a setting of a training is invalid.
type ConfigError struct{ Err error }

func (e *ConfigError) Error() string { return e.Err.Error() }

func (e *ConfigError) Unwrap() error { return e.Err }

// ExistsError reports that a folder already holds a run, which was not to be resumed.
type ExistsError struct{ Dir string }

func (e *ExistsError) Error() string { return e.Dir + " already holds a run" }

// SettingsError reports that a run cannot be resumed because it was started with
// other settings.
type SettingsError struct {
	File        string   // the run's config.json
	Differences []string // such as "steps 100 (now 200)"
}

func (e *SettingsError) Error() string {
	return fmt.Sprintf("%s: the run was started with other settings: %s", e.File, strings.Join(e.Differences, ", "))
}

// DivergedError reports that a step's loss or gradient is not finite. The run is
// saved as it was before that step.
type DivergedError struct {
	Step     int // from 1
	Loss     float64
	GradNorm float64
	Dir      string
	Batch    string // describes the step's batch
}

func (e *DivergedError) Error() string {
	return fmt.Sprintf("step %d: the loss is %v and the gradient's norm %v; the run was stopped and saved in %s; the batch holds %s",
		e.Step, e.Loss, e.GradNorm, e.Dir, e.Batch)
}
