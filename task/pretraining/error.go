package pretraining

import (
	"errors"
	"fmt"
)

// ErrCollapsed reports a logit scale so small that the loss no longer depends on which
// image and caption belong together, so that nothing more is learned.
var ErrCollapsed = errors.New("training has collapsed: all pairs look alike")

// BatchError reports a batch that is larger than the number of training pairs.
type BatchError struct{ Batch, Pairs int }

func (e *BatchError) Error() string {
	return fmt.Sprintf("a batch of %d is more than the %d pairs to train on", e.Batch, e.Pairs)
}
