package demo

import (
	"fmt"
	"slices"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/recognition"
)

// study compares methods on a task.
type study struct {
	name, title, note string
	world             *world
	ways              []way
	short             bool // takes ShortSteps
	// problems are the training and test data of each method.
	problems func(o Options, from *source) ([]problem, error)
}

// problem holds training and test takes.
type problem struct {
	name        string
	seed        uint64 // of the training
	train, test *recognition.Set
}

var (
	closedSet = study{"closed-set", "Closed set: the same motions in training and test",
		"Opposite motions show the same pictures in another order: what a single frame tells is not enough.",
		&motions, []way{handWritten, paperWay(2, 0), paperWay(4, 0), promptsOnly, paper, paperWay(16, 2), defaultWay}, false, seeds(nil)}
	fewShot = study{"few-shot", "Few-shot: 5 motions, 5 takes of each to learn from",
		"Each episode draws other classes and other takes.",
		&motions, []way{handWritten, promptsOnly, paper, fewWay}, true, episodes(5)}
	oneShot = study{"one-shot", "One-shot: 5 motions, 1 take of each to learn from",
		"Each episode draws other classes and other takes.",
		&motions, []way{handWritten, fewWay}, true, episodes(1)}
	zeroShot = study{"zero-shot", "Zero-shot: colored shapes that were not in training, by name alone",
		"Two thirds of the combinations of color and shape are learned, the others tested.",
		&objects, []way{handWritten, promptsOnly, paper, defaultWay}, true, seeds(unlearned)}
)

// ablations are the combinations of the options that go beyond the paper.
var ablations = []study{
	{"ablation-closed-set", "Ablation, closed set", "16+X+16, 1 temporal layer.", &motions, beyond, false, seeds(nil)},
	{"ablation-zero-shot", "Ablation, zero-shot", "16+X+16, 1 temporal layer.", &objects, beyond, true, seeds(unlearned)},
}

// seeds returns one problem per seed on the data's own split, with the training and
// test classes of divide, if given.
func seeds(divide func(*dataset.Dataset) (learned, tested []string)) func(Options, *source) ([]problem, error) {
	return func(o Options, from *source) ([]problem, error) {
		d, data := from.data, from.opened
		if divide != nil {
			d.TrainClasses, d.TestClasses = divide(data.Dataset)
		}
		sets, err := d.Sets(data)
		if err != nil {
			return nil, err
		}
		if divide != nil {
			// All takes of classes without training data may be test data.
			_, all, err := dataset.SplitClasses(data.Dataset, d.TrainClasses, d.TestClasses)
			if err != nil {
				return nil, err
			}
			if sets.Test, err = data.Set(all); err != nil {
				return nil, err
			}
		}
		var out []problem
		for i := range o.Seeds {
			out = append(out, problem{fmt.Sprintf("seed-%d", i), o.Seed + uint64(i), sets.Train, sets.Test})
		}
		return out, nil
	}
}

// unlearned selects every third class for testing.
func unlearned(d *dataset.Dataset) (learned, tested []string) {
	for i, c := range slices.Sorted(slices.Values(d.Classes)) {
		if i%3 == 2 {
			tested = append(tested, c)
		} else {
			learned = append(learned, c)
		}
	}
	return learned, tested
}

// episodes returns few-shot problems of five classes with a number of takes of each.
func episodes(shots int) func(Options, *source) ([]problem, error) {
	return func(o Options, from *source) ([]problem, error) {
		drawn, err := dataset.Episodes(from.opened.Dataset, 5, shots, o.Episodes, o.Seed)
		if err != nil {
			return nil, err
		}
		var out []problem
		for i, e := range drawn {
			p := problem{name: recognition.EpisodeDir(i), seed: o.Seed + uint64(i)}
			if p.train, err = from.opened.Set(e.Train); err != nil {
				return nil, err
			}
			if p.test, err = from.opened.Set(e.Test); err != nil {
				return nil, err
			}
			out = append(out, p)
		}
		return out, nil
	}
}
