package adapter

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestContrast(t *testing.T) {
	a := newAdapter(t, tinyModel(t), DefaultConfig())
	var names []string
	for i := range 12 {
		names = append(names, fmt.Sprintf("class %d", i))
	}
	for _, most := range []int{2, 5, 12, 400} {
		c, err := a.ClassSampler(names, most)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, 1))
			of := []int{rng.IntN(12), rng.IntN(12), rng.IntN(12)}
			classes, numbers, target, err := c.Sample(of, rng)
			if err != nil {
				t.Fatal(err)
			}
			n := classes.sequences.Texts()
			if numbers == nil { // all
				for i := range names {
					numbers = append(numbers, int32(i))
				}
			}
			distinct := slices.Compact(slices.Sorted(slices.Values(of)))
			if want := max(min(most, 12), len(distinct)); n != want || len(numbers) != n {
				t.Fatalf("at most %d of 12 classes for samples of %v: %d classes, numbers %v", most, of, n, numbers)
			}
			for i, class := range of {
				if numbers[target[i]] != int32(class) {
					t.Errorf("sample %d is of class %d, not of %d", i, class, numbers[target[i]])
				}
			}
			if sorted := slices.Sorted(slices.Values(numbers)); len(slices.Compact(sorted)) != n {
				t.Errorf("a class stands twice in %v", numbers)
			}
		}
	}
	if _, err := a.ClassSampler(names[:1], 5); err == nil {
		t.Error("one class alone is taken")
	}
}
