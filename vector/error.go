package vector

import (
	"errors"
	"fmt"
)

var (
	// ErrLocked is wrapped by the error of [Open] when another process is writing to
	// the index.
	ErrLocked = errors.New("another process is writing to it")

	// ErrNotFound is wrapped by the error for an id that is not in an index.
	ErrNotFound = errors.New("not in the index")
)

// CorruptError reports a file of an index that is damaged or lost.
type CorruptError struct {
	File string
	What string
	// Derived means that [Index.Build] can rebuild the file from the vectors.
	Derived bool
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s: %s: the index of vectors is damaged", e.File, e.What)
}
