package label

import (
	"errors"
	"fmt"
)

var (
	// ErrNoMoments is returned for an archive without moments.
	ErrNoMoments = errors.New("the library holds no moments")

	// ErrNoPositives is returned where an estimate requires positive marks.
	ErrNoPositives = errors.New("the label has no positive marks")

	// ErrNoNegatives is returned where an estimate requires negative marks.
	ErrNoNegatives = errors.New("the label has only positive marks; without negative ones its precision is unknown")

	// ErrFewVideos is returned where an estimate requires positive marks of more videos.
	ErrFewVideos = errors.New("the positive marks are all in one video; an estimate needs at least two")
)

// MarkError reports a mark that overlaps none of the archive's moments.
type MarkError struct{ Mark Mark }

func (e *MarkError) Error() string {
	return fmt.Sprintf("the mark from %g s to %g s has no moment", e.Mark.Start, e.Mark.End)
}
