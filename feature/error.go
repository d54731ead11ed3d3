package feature

import (
	"errors"
	"fmt"
)

// Errors for errors.Is.
var (
	ErrNoStore     = errors.New("no feature store")         // there is no folder at the path
	ErrNotStored   = errors.New("not in the feature store") // the store has no sequence with the ID
	ErrDamaged     = errors.New("damaged feature file")     // the file can be read but is not a valid sequence
	ErrEmpty       = errors.New("no features")              // the store has no sequences, or the folder no arrays
	ErrBusy        = errors.New("another run is writing features of another backbone, preprocessing or sampling")
	ErrAllFailed   = errors.New("all videos failed")
	ErrForeignFile = errors.New("another program's file has a name that the store uses")
	ErrStopped     = errors.New("stopped") // by Options.Strict or Options.MaxFailures
)

// Errors of a single video or file, which are found in a [Failure] by errors.Is.
var (
	ErrIDTaken      = errors.New("the feature store holds another video with this ID")
	ErrExists       = errors.New("the feature store holds other features with this ID") // Import
	ErrNoTimestamps = errors.New("no timestamps")                                       // Import
	ErrNoBackbone   = errors.New("unknown backbone")                                    // Import
	ErrNotFile      = errors.New("not a regular file")
	ErrChanging     = errors.New("the file changed while it was read")
	ErrLongName     = errors.New("the ID is too long for a file name")
)

// MismatchError reports stored features that the run cannot use because they were
// made with another backbone, preprocessing or sampling.
type MismatchError struct {
	Store, ID  string
	What       string // "backbone", "width", "preprocessing" or "sampling"
	Have, Want string // of the features, and of the run or store that was to take them
}

func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s: the features of %s have %s %s, but this run uses %s", e.Store, e.ID, e.What, e.Have, e.Want)
}

// RateError reports a sequence that has too few frames per second to be resampled.
type RateError struct {
	ID         string
	Sampling   string  // as in [Provenance]
	Have, Want float64 // frames per second
}

func (e *RateError) Error() string {
	return fmt.Sprintf("the features of %s have %.4g frames per second (%s), too few to resample to %.4g",
		e.ID, e.Have, e.Sampling, e.Want)
}

// InterruptedError reports a run that its context ended. It wraps the context's error.
type InterruptedError struct {
	Remaining, Total int // videos or sequences
	Err              error
}

func (e *InterruptedError) Error() string {
	return fmt.Sprintf("interrupted with %d of %d remaining: %v", e.Remaining, e.Total, e.Err)
}

// Unwrap returns e.Err.
func (e *InterruptedError) Unwrap() error { return e.Err }
