package vector

import "slices"

// top keeps the best limit items that are added to it, as a heap whose first item is the
// worst. compare is negative if a is better than b.
type top[T any] struct {
	limit   int
	compare func(a, b T) int
	items   []T
}

// worst returns the worst item; full reports whether a worse one would not be kept.
func (t *top[T]) worst() (x T, full bool) {
	if len(t.items) < t.limit {
		return x, false
	}
	return t.items[0], true
}

func (t *top[T]) add(x T) {
	if len(t.items) < t.limit {
		t.items = append(t.items, x)
		for i := len(t.items) - 1; i > 0; {
			parent := (i - 1) / 2
			if t.compare(t.items[i], t.items[parent]) <= 0 {
				break
			}
			t.items[i], t.items[parent] = t.items[parent], t.items[i]
			i = parent
		}
		return
	}
	if t.compare(x, t.items[0]) >= 0 {
		return
	}
	t.items[0] = x
	for i := 0; ; {
		worst := i
		for child := 2*i + 1; child < min(2*i+3, len(t.items)); child++ {
			if t.compare(t.items[child], t.items[worst]) > 0 {
				worst = child
			}
		}
		if worst == i {
			return
		}
		t.items[i], t.items[worst] = t.items[worst], t.items[i]
		i = worst
	}
}

// sorted returns the items, the best first. The top cannot be used afterwards.
func (t *top[T]) sorted() []T {
	slices.SortFunc(t.items, t.compare)
	return t.items
}
