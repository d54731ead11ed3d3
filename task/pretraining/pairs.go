package pretraining

import "github.com/clipcue/clipcue/video"

// Pair is an image with its caption.
type Pair struct {
	Image   video.Frame
	Caption string
	Label   string // class name, or ""
}

// Pairs is a source of pairs. Several goroutines may call its methods at the same time.
// Repeated calls return the same pair.
type Pairs interface {
	Len() int
	// Name returns a name of pair i, for messages.
	Name(i int) string
	// Pair reads pair i. A pair with an error is skipped.
	Pair(i int) (Pair, error)
}

// EvalSet is a set of held-out pairs.
type EvalSet struct {
	Name  string // prefix of the names of its metrics; may be ""
	Pairs Pairs
}
