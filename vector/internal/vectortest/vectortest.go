// Package vectortest is the conformance suite of vector.Index.
package vectortest

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/vector"
)

// Run tests an implementation. open returns an empty index each time, and cleans up after the
// test.
func Run(t *testing.T, open func(t *testing.T, width int) vector.Index) {
	for name, test := range behaviors {
		t.Run(name, func(t *testing.T) { test(t, open(t, width)) })
	}
}

// width is not a multiple of the length of vector registers.
const width = 37

// Random returns n random unit vectors of this width.
func Random(rng *rand.Rand, n, width int) []float32 {
	x := make([]float32, n*width)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	for i := range n {
		Normalize(x[i*width:][:width])
	}
	return x
}

// Normalize scales a vector to length 1.
func Normalize(x []float32) {
	var square float64
	for _, v := range x {
		square += float64(v) * float64(v)
	}
	for i, v := range x {
		x[i] = float32(float64(v) / math.Sqrt(square))
	}
}

// Nearest returns the expected result of a search: all hits, by decreasing score.
func Nearest(ids []int64, vectors, query []float32) []vector.Hit {
	hits := make([]vector.Hit, len(ids))
	for i, id := range ids {
		var dot float64
		for j, v := range vectors[i*len(query):][:len(query)] {
			dot += float64(v) * float64(query[j])
		}
		hits[i] = vector.Hit{ID: id, Score: float32(dot)}
	}
	slices.SortFunc(hits, func(a, b vector.Hit) int {
		switch {
		case a.Score > b.Score, a.Score == b.Score && a.ID < b.ID:
			return -1
		default:
			return 1
		}
	})
	return hits
}

func rising(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i)
	}
	return ids
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, x vector.Index, want int) {
	t.Helper()
	got, err := x.Len(t.Context())
	must(t, err)
	if got != want {
		t.Fatalf("%d vectors instead of %d", got, want)
	}
}

// same compares scores with a tolerance for another order of summation.
func same(t *testing.T, got, want []vector.Hit) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d hits instead of %d: %v", len(got), len(want), got)
	}
	for i, h := range got {
		if h.ID != want[i].ID || math.Abs(float64(h.Score-want[i].Score)) > 1e-5 {
			t.Fatalf("hit %d is %v instead of %v", i, h, want[i])
		}
	}
}

var behaviors = map[string]func(t *testing.T, x vector.Index){
	"an index that is built and verified finds the same": func(t *testing.T, x vector.Index) {
		ctx := t.Context()
		ids, vectors := []int64{3, 1, 2}, Random(rand.New(rand.NewPCG(9, 9)), 3, width)
		must(t, x.Add(ctx, ids, vectors))
		must(t, x.Build(ctx, nil))
		must(t, x.Verify(ctx))
		hits, err := x.Search(ctx, vectors[:width], 1)
		if err != nil || len(hits) != 1 || hits[0].ID != 3 {
			t.Errorf("%v, %v", hits, err)
		}
		if x.Location() == "" {
			t.Error("it does not tell where it is")
		}
	},
	"an empty index finds nothing": func(t *testing.T, x vector.Index) {
		ctx := t.Context()
		count(t, x, 0)
		if x.Width() != width {
			t.Errorf("width %d", x.Width())
		}
		hits, err := x.Search(ctx, Random(rand.New(rand.NewPCG(1, 1)), 1, width), 5)
		if err != nil || len(hits) != 0 {
			t.Errorf("%v, %v", hits, err)
		}
		must(t, x.Delete(ctx, []int64{7}))
		must(t, x.Add(ctx, nil, nil))
		if all := collect(t, x); len(all) != 0 {
			t.Errorf("ids %v", all)
		}
	},
	"a search finds the nearest in order": func(t *testing.T, x vector.Index) {
		rng := rand.New(rand.NewPCG(2, 1))
		ids, vectors := rising(300), Random(rng, 300, width)
		must(t, x.Add(t.Context(), ids[:100], vectors[:100*width]))
		must(t, x.Add(t.Context(), ids[100:], vectors[100*width:]))
		for _, k := range []int{1, 10, 300} {
			query := Random(rng, 1, width)
			hits, err := x.Search(t.Context(), query, k)
			must(t, err)
			same(t, hits, Nearest(ids, vectors, query)[:k])
		}
		hits, err := x.Search(t.Context(), vectors[:width], 1000)
		must(t, err)
		if len(hits) != 300 {
			t.Errorf("%d hits of 300", len(hits))
		}
	},
	"equal scores come by id": func(t *testing.T, x vector.Index) {
		one := Random(rand.New(rand.NewPCG(3, 1)), 1, width)
		for _, id := range []int64{9, -4, 70, 2} {
			must(t, x.Add(t.Context(), []int64{id}, one))
		}
		hits, err := x.Search(t.Context(), one, 4)
		must(t, err)
		same(t, hits, []vector.Hit{{ID: -4, Score: 1}, {ID: 2, Score: 1}, {ID: 9, Score: 1}, {ID: 70, Score: 1}})
	},
	"ids may be any": func(t *testing.T, x vector.Index) {
		ids := []int64{0, -1, math.MaxInt64, math.MinInt64, 1 << 40}
		vectors := Random(rand.New(rand.NewPCG(4, 1)), len(ids), width)
		must(t, x.Add(t.Context(), ids, vectors))
		got := collect(t, x)
		slices.Sort(ids)
		if !slices.Equal(got, ids) {
			t.Errorf("ids %v instead of %v", got, ids)
		}
	},
	"vectors come back as they were, in the order asked for": func(t *testing.T, x vector.Index) {
		vectors := Random(rand.New(rand.NewPCG(5, 1)), 3, width)
		must(t, x.Add(t.Context(), []int64{1, 2, 3}, vectors))
		got, err := x.Get(t.Context(), []int64{3, 1, 3})
		must(t, err)
		want := slices.Concat(vectors[2*width:], vectors[:width], vectors[2*width:])
		if !slices.Equal(got, want) {
			t.Error("other vectors")
		}
		if _, err := x.Get(t.Context(), []int64{1, 4}); !errors.Is(err, vector.ErrNotFound) {
			t.Errorf("an id that is not there: %v", err)
		}
	},
	"what is added again is replaced": func(t *testing.T, x vector.Index) {
		rng := rand.New(rand.NewPCG(6, 1))
		before, after := Random(rng, 2, width), Random(rng, 1, width)
		must(t, x.Add(t.Context(), []int64{1, 2}, before))
		must(t, x.Add(t.Context(), []int64{1}, after))
		count(t, x, 2)
		hits, err := x.Search(t.Context(), before[:width], 5)
		must(t, err)
		same(t, hits, Nearest([]int64{1, 2}, slices.Concat(after, before[width:]), before[:width]))
		got, err := x.Get(t.Context(), []int64{1})
		must(t, err)
		if !slices.Equal(got, after) {
			t.Error("the vector is the old one")
		}
	},
	"what is deleted is gone": func(t *testing.T, x vector.Index) {
		rng := rand.New(rand.NewPCG(7, 1))
		vectors := Random(rng, 20, width)
		must(t, x.Add(t.Context(), rising(20), vectors))
		must(t, x.Delete(t.Context(), []int64{3, 5, 5, 99}))
		must(t, x.Delete(t.Context(), []int64{3}))
		count(t, x, 18)
		if _, err := x.Get(t.Context(), []int64{5}); !errors.Is(err, vector.ErrNotFound) {
			t.Errorf("a deleted vector: %v", err)
		}
		hits, err := x.Search(t.Context(), vectors[3*width:][:width], 20)
		must(t, err)
		if len(hits) != 18 || slices.ContainsFunc(hits, func(h vector.Hit) bool { return h.ID == 3 || h.ID == 5 }) {
			t.Errorf("hits %v", hits)
		}
		must(t, x.Add(t.Context(), []int64{3}, vectors[3*width:][:width]))
		count(t, x, 19)
		hits, err = x.Search(t.Context(), vectors[3*width:][:width], 1)
		must(t, err)
		same(t, hits, []vector.Hit{{ID: 3, Score: 1}})
	},
	"bad input changes nothing": func(t *testing.T, x vector.Index) {
		good := Random(rand.New(rand.NewPCG(8, 1)), 2, width)
		must(t, x.Add(t.Context(), []int64{1, 2}, good))
		with := func(i int, v float32) []float32 {
			bad := slices.Clone(good)
			bad[i] = v
			return bad
		}
		for name, c := range map[string]struct {
			ids     []int64
			vectors []float32
		}{
			"too few numbers":  {[]int64{3, 4}, good[1:]},
			"too many ids":     {[]int64{3, 4, 5}, good},
			"an id twice":      {[]int64{3, 3}, good},
			"not a number":     {[]int64{3, 4}, with(width+1, float32(math.NaN()))},
			"infinity":         {[]int64{3, 4}, with(width+1, float32(math.Inf(-1)))},
			"not of length 1":  {[]int64{3, 4}, with(width+1, 7)},
			"a vector of zero": {[]int64{3}, make([]float32, width)},
		} {
			if err := x.Add(t.Context(), c.ids, c.vectors); err == nil {
				t.Errorf("%s: added", name)
			}
		}
		count(t, x, 2)
		for name, c := range map[string]struct {
			query []float32
			k     int
		}{
			"too narrow":      {good[1:width], 1},
			"nothing":         {nil, 1},
			"none wanted":     {good[:width], 0},
			"not a number":    {with(0, float32(math.NaN()))[:width], 1},
			"not of length 1": {make([]float32, width), 1},
		} {
			if hits, err := x.Search(t.Context(), c.query, c.k); err == nil {
				t.Errorf("%s: found %v", name, hits)
			}
		}
		if _, err := x.Get(t.Context(), nil); err != nil {
			t.Errorf("nothing to get: %v", err)
		}
	},
	"many at once": func(t *testing.T, x vector.Index) {
		rng := rand.New(rand.NewPCG(9, 1))
		const n = 5000
		ids, vectors := rising(n), Random(rng, n, width)
		must(t, x.Add(t.Context(), ids, vectors))
		count(t, x, n)
		if got := collect(t, x); !slices.Equal(got, ids) {
			t.Errorf("%d other ids", len(got))
		}
		got, err := x.Get(t.Context(), ids)
		must(t, err)
		if !slices.Equal(got, vectors) {
			t.Error("other vectors")
		}
		must(t, x.Delete(t.Context(), ids[:n-1]))
		if got := collect(t, x); !slices.Equal(got, ids[n-1:]) {
			t.Errorf("left are %v", got)
		}
	},
	"a loop over ids may change the index": func(t *testing.T, x vector.Index) {
		must(t, x.Add(t.Context(), rising(10), Random(rand.New(rand.NewPCG(10, 1)), 10, width)))
		for id, err := range x.IDs(t.Context()) {
			must(t, err)
			if id%2 == 0 {
				must(t, x.Delete(t.Context(), []int64{id}))
			}
		}
		count(t, x, 5)
		for range x.IDs(t.Context()) { //nolint:errcheck // only that breaking off works
			break
		}
	},
	"an interrupt is heeded": func(t *testing.T, x vector.Index) {
		vectors := Random(rand.New(rand.NewPCG(11, 1)), 2, width)
		must(t, x.Add(t.Context(), []int64{1}, vectors[:width]))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := x.Add(ctx, []int64{2}, vectors[width:]); !errors.Is(err, context.Canceled) {
			t.Errorf("Add: %v", err)
		}
		if err := x.Delete(ctx, []int64{1}); !errors.Is(err, context.Canceled) {
			t.Errorf("Delete: %v", err)
		}
		if _, err := x.Search(ctx, vectors[:width], 1); !errors.Is(err, context.Canceled) {
			t.Errorf("Search: %v", err)
		}
		for _, err := range x.IDs(ctx) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("IDs: %v", err)
			}
		}
		count(t, x, 1)
	},
	"readers and writers get along": func(t *testing.T, x vector.Index) {
		vectors := Random(rand.New(rand.NewPCG(12, 1)), 40, width)
		must(t, x.Add(t.Context(), []int64{-1}, vectors[:width]))
		done := make(chan error, 4)
		for p := range 4 {
			go func() {
				var err error
				for i := p * 10; i < p*10+10 && err == nil; i++ {
					one := vectors[i*width:][:width]
					err = x.Add(t.Context(), []int64{int64(i)}, one)
					if err == nil {
						_, err = x.Search(t.Context(), one, 3)
					}
					if err == nil {
						_, err = x.Get(t.Context(), []int64{int64(i)})
					}
				}
				done <- err
			}()
		}
		for range 4 {
			must(t, <-done)
		}
		count(t, x, 41)
	},
}

// collect returns all ids, sorted.
func collect(t *testing.T, x vector.Index) []int64 {
	t.Helper()
	ids := []int64{}
	for id, err := range x.IDs(t.Context()) {
		must(t, err)
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
