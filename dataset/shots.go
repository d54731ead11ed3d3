package dataset

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// Shots draws k videos of each class from the training split (from all samples,
// if d says no splits): the few-shot training set. Of a video with several
// segments of a class it takes one. The draw depends on the seed, the class and
// its videos alone, not on the order of the samples or on other classes. A class
// with fewer than k videos is an error.
func Shots(d *Dataset, k int, seed uint64) (*Dataset, error) {
	if k < 1 {
		return nil, fmt.Errorf("%d shots: a class needs at least one", k)
	}
	pool, err := d.trainingPool()
	if err != nil {
		return nil, err
	}
	return pool.draw(k, seed, "shots")
}

// trainingPool is the training split, or everything where no split is said.
func (d *Dataset) trainingPool() (*Dataset, error) {
	if d.Splits()[""] == len(d.Samples) {
		return d, nil
	}
	return d.Split(Train)
}

// draw takes k videos of each of d's classes.
func (d *Dataset) draw(k int, seed uint64, purpose string) (*Dataset, error) {
	byClass := make(map[string][]Sample, len(d.Classes))
	for _, s := range d.Samples {
		byClass[s.Label] = append(byClass[s.Label], s)
	}
	out := *d
	out.Samples = nil
	for _, class := range d.Classes {
		samples := byClass[class]
		slices.SortFunc(samples, func(a, b Sample) int {
			return cmp.Or(strings.Compare(a.Path, b.Path), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		rng := random(seed, purpose+"\x00"+Canonical(class))
		rng.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		taken := map[string]bool{}
		for _, s := range samples {
			if len(taken) < k && !taken[s.Path] {
				taken[s.Path] = true
				out.Samples = append(out.Samples, s)
			}
		}
		if len(taken) < k {
			return nil, fmt.Errorf("%s: class %q has %d training videos, too few for %d shots", d.Source, class, len(taken), k)
		}
	}
	return &out, nil
}

// random is a generator for one purpose: what it draws does not depend on what
// was drawn for another.
func random(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
