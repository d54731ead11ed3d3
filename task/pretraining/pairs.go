package pretraining

import "github.com/clipcue/clipcue/video"

// Pair is a picture and what is said of it.
type Pair struct {
	Picture video.Frame
	Caption string
	Label   string // what class it is of, "" for none
}

// Pairs is a source of pairs. Its methods may be called by several goroutines at
// once, and give the same for the same number every time.
type Pairs interface {
	Len() int
	// Name says what pair i is, for messages.
	Name(i int) string
	// Pair reads pair i. An error says why it cannot be read; the pair is then
	// left out.
	Pair(i int) (Pair, error)
}

// EvalSet is a set of pairs kept from training for evaluation.
type EvalSet struct {
	Name  string // put before the names of its metrics, may be ""
	Pairs Pairs
}
