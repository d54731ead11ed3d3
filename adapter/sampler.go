package adapter

import (
	"fmt"
	"math/rand/v2"
)

// ClassSampler chooses the classes that a training step distinguishes: all of them,
// or, if there are more than the limit, those of the step's samples and random others.
type ClassSampler struct {
	adapter *Adapter
	names   []string
	limit   int
	all     *Classes // nil if a step has fewer
}

// ClassSampler returns a sampler of these classes with at most the given number per
// step. There must be at least two classes, and every name must fit.
func (a *Adapter) ClassSampler(names []string, limit int) (*ClassSampler, error) {
	if len(names) < 2 {
		return nil, fmt.Errorf("training needs at least two classes, got %d", len(names))
	}
	// Every name must fit, even if no step has all of them.
	all, err := a.Classes(names)
	if err != nil {
		return nil, err
	}
	c := &ClassSampler{adapter: a, names: names, limit: limit}
	if len(names) <= limit {
		c.all = all
	}
	return c, nil
}

// Sample returns the classes of a step whose samples have the given class numbers, and
// each sample's target among them. numbers are the chosen classes' places among all
// names; nil for all of them.
func (c *ClassSampler) Sample(of []int, rng *rand.Rand) (classes *Classes, numbers, target []int32, err error) {
	for _, class := range of {
		if class < 0 || class >= len(c.names) {
			return nil, nil, nil, fmt.Errorf("class number %d, but there are %d classes", class, len(c.names))
		}
	}
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
		if len(names) >= c.limit {
			break
		}
		take(class)
	}
	classes, err = c.adapter.Classes(names)
	return classes, numbers, target, err
}
