package adapter

import (
	"errors"
	"fmt"
)

var (
	// ErrTooManyPrompts is wrapped by the error for prompt vectors that do not fit into
	// the backbone's context length.
	ErrTooManyPrompts = errors.New("the prompt vectors do not fit into the model's context")

	// ErrNoResidual is wrapped by the error for a setting that requires
	// [Config.Residual].
	ErrNoResidual = errors.New("the model has no residual of the temporal Transformer")
)

// WrongTaskError reports a model file that was trained for another task.
type WrongTaskError struct {
	Have, Want string // such as "retrieval"
}

func (e *WrongTaskError) Error() string {
	return fmt.Sprintf("this model file is for %s, not for %s", e.Have, e.Want)
}

// WrongBackboneError reports a backbone that is not the one that a model file was
// trained on.
type WrongBackboneError struct {
	Have, Want string // fingerprints
	Path       string // of the wanted backbone when the model was trained
}

func (e *WrongBackboneError) Error() string {
	return fmt.Sprintf("this model file was trained on backbone %s (%s), not on %s", e.Want, e.Path, e.Have)
}

// UnknownClassError reports a class whose name has to be encoded, on a backbone that
// was loaded without its text tower.
type UnknownClassError struct{ Class string }

func (e *UnknownClassError) Error() string {
	return fmt.Sprintf("class %q is not one of the model's: its name has to be encoded by the text tower, which is not loaded", e.Class)
}

// NoBestModelError reports a run that was stopped before its first evaluation. It has
// a checkpoint but no finished model.
type NoBestModelError struct {
	Dir  string
	Last string // the checkpoint's path
}

func (e *NoBestModelError) Error() string {
	return fmt.Sprintf("%s has no best model yet: it was stopped before its first evaluation; its checkpoint is %s", e.Dir, e.Last)
}

// FewShotRunError reports a few-shot run, whose models are in the runs of its
// episodes.
type FewShotRunError struct {
	Dir      string
	Episodes []string // folders
}

func (e *FewShotRunError) Error() string {
	return fmt.Sprintf("%s is a few-shot run: its %d episodes are runs, such as %s", e.Dir, len(e.Episodes), e.Episodes[0])
}
