package loop

import (
	"slices"
	"testing"
)

// Every epoch has each sample once, in another order. A batch does not depend on earlier steps.
func TestOrder(t *testing.T) {
	const n, size, steps = 10, 4, 15 // six epochs
	var all []int
	through := Order{Seed: 3, N: n}
	for step := range steps {
		batch := through.Batch(step, size)
		all = append(all, batch...)
		alone := Order{Seed: 3, N: n}
		if got := alone.Batch(step, size); !slices.Equal(got, batch) {
			t.Errorf("step %d alone is of %v, not of %v", step, got, batch)
		}
	}
	for from := 0; from < len(all); from += n {
		epoch := all[from : from+n]
		if from > 0 && slices.Equal(epoch, all[:n]) {
			t.Errorf("two epochs have the order %v", epoch)
		}
		for i, v := range slices.Sorted(slices.Values(epoch)) {
			if i != v {
				t.Errorf("an epoch is of %v", epoch)
				break
			}
		}
	}
	if slices.Equal((&Order{Seed: 4, N: n}).Batch(0, n), all[:n]) {
		t.Error("another seed has the same order")
	}
}
