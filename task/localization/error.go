package localization

import "errors"

// Errors for errors.Is.
var (
	// ErrNoDetector reports a model that was trained on proposals from a file.
	ErrNoDetector = errors.New("the model has no detector: it was trained on proposals from a file")
	// ErrScoreRange reports a proposal whose score is not a probability.
	ErrScoreRange = errors.New("scores of proposals must be from 0 to 1")
	// ErrTooManyDetections reports more detections than an edit decision list can hold.
	ErrTooManyDetections = errors.New("an edit decision list holds at most 999")
)
