package dataset

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
)

// takeShots draws k videos of each class from the training split, or from all samples if d has
// no splits: the few-shot training set. It takes one segment of each video and class. The
// draw depends only on the seed, the class and its videos, not on the order of the samples
// or on other classes. A class with fewer than k videos is an error.
func takeShots(d *Dataset, k int, seed uint64) (*Dataset, error) {
	if k < 1 {
		return nil, fmt.Errorf("number of shots must be at least 1, got %d", k)
	}
	pool, err := d.trainingPool()
	if err != nil {
		return nil, err
	}
	return pool.draw(k, seed, "shots")
}

// trainingPool returns the training split, or d if it has no splits.
func (d *Dataset) trainingPool() (*Dataset, error) {
	if d.Splits()[""] == len(d.Samples) {
		return d, nil
	}
	return d.Split(Train)
}

// draw returns k videos of each class of d.
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
			if key := pathKey(s.Path); len(taken) < k && !taken[key] {
				taken[key] = true
				out.Samples = append(out.Samples, s)
			}
		}
		if len(taken) < k {
			return nil, fmt.Errorf("%s: class %q has %d training videos, too few for %d shots", d.Source, class, len(taken), k)
		}
	}
	return &out, nil
}

// random returns a generator for one purpose: what it draws does not depend on what was
// drawn for others.
func random(seed uint64, purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}
