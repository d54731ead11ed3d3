package adapter

import (
	"fmt"
	"math/rand/v2"
)

// ClassSampler chooses the classes that the samples of a training step are told apart
// among: all there are or, if these are more than it may take, those of the step's
// samples and others at random.
type ClassSampler struct {
	adapter *Adapter
	names   []string
	most    int
	all     *Classes // nil if a step takes fewer
}

// ClassSampler chooses among classes with these names, at most so many a step, two or more.
func (a *Adapter) ClassSampler(names []string, most int) (*ClassSampler, error) {
	if len(names) < 2 {
		return nil, fmt.Errorf("the training data has %d class; telling actions apart takes two", len(names))
	}
	// Every name has to fit, whether a step takes all of them or not.
	all, err := a.Classes(names)
	if err != nil {
		return nil, err
	}
	c := &ClassSampler{adapter: a, names: names, most: most}
	if len(names) <= most {
		c.all = all
	}
	return c, nil
}

// Sample returns the classes of a step whose samples are of these, and which of them
// each is of. numbers are their places among all names, nil for all of them.
func (c *ClassSampler) Sample(of []int, rng *rand.Rand) (classes *Classes, numbers, target []int32, err error) {
	target = make([]int32, len(of))
	if c.all != nil {
		for i, class := range of {
			target[i] = int32(class)
		}
		return c.all, nil, target, nil
	}
	place := map[int]int32{}
	var names []string
	take := func(class int) int32 {
		at, ok := place[class]
		if !ok {
			at = int32(len(names))
			place[class] = at
			names, numbers = append(names, c.names[class]), append(numbers, int32(class))
		}
		return at
	}
	for i, class := range of {
		target[i] = take(class)
	}
	for _, class := range rng.Perm(len(c.names)) {
		if len(names) >= c.most {
			break
		}
		take(class)
	}
	classes, err = c.adapter.Classes(names)
	return classes, numbers, target, err
}
