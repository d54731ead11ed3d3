package dataset

import "errors"

// Errors for errors.Is.
var (
	ErrNoFeatures     = errors.New("the feature store is empty")
	ErrNotFound       = errors.New("not found in the feature store")
	ErrAmbiguous      = errors.New("several stored videos match")
	ErrUnknownFormat  = errors.New("unknown format")
	ErrNotAnnotations = errors.New("not an annotation file") // other data, or text that no annotator wrote
	ErrNotText        = errors.New("not a text file")
	ErrNoSamples      = errors.New("no samples")
	ErrNoClasses      = errors.New("no class names")
)
