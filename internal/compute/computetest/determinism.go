package computetest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// Results must not depend on the number of threads, so that a run can be resumed bitwise with
// another number.
func testThreadsDoNotChangeBits(t *testing.T, open Open) {
	var want []wide
	for _, threads := range []int{1, 2, 5} {
		d := open(threads)
		rng := rand.New(rand.NewPCG(7, 7))
		a, b := put(d, random(rng, 130, 90)), put(d, random(rng, 130, 70))
		c := d.New(90, 70)
		d.MulTN(c, a, b, 1, false)
		s := &compute.AttentionShape{Heads: 2, Causal: true, Shared: 5}
		for _, rows := range []compute.Range{{From: 0, To: 5}, {From: 5, To: 25}, {From: 25, To: 55}, {From: 55, To: 90}} {
			n := rows.To - rows.From
			s.Segments = append(s.Segments, compute.Segment{Query: rows.From, Queries: n, Key: rows.From, Keys: n})
		}
		kv, dkv, dq := put(d, random(rng, 90, 140)), d.New(90, 140), d.New(90, 70)
		d.AttentionGrad(dq, dkv, c, c, kv, s)
		got := []wide{get(d, c), get(d, dq), get(d, dkv)}

		x, w := put(d, random(rng, 300, 800)), put(d, random(rng, 300, 800))
		y := d.New(300, 300)
		for _, form := range []compute.Form{compute.Forward, compute.ForwardInt8} {
			d.Linear(y, x, d.Pack(w, form), compute.Epilogue{Act: compute.QuickGELU})
			got = append(got, get(d, y))
		}
		g, dg, db := put(d, random(rng, 1, 800)), d.New(1, 800), d.New(1, 800)
		d.LayerNormGrad(x, w, x, g, 1e-5, true, dg, db)
		d.SumRows(db, x)
		d.ScatterAdd(w, []int32{3, 3, 3, 1}, x, []int32{9, 8, 7, 6})
		got = append(got, get(d, x), get(d, dg), get(d, db), get(d, w))
		if want == nil {
			want = got
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%d threads give other bits than one", threads)
		}
	}
}

func testTemporaryMemoryIsReused(t *testing.T, open Open) {
	d := open(1)
	step := func() {
		defer d.Release(d.Mark())
		for range 10 {
			d.Temp(300, 1000)
		}
	}
	step()
	if n := testing.AllocsPerRun(10, step); n > 0 {
		t.Errorf("a step after the first allocates %v times", n)
	}
}
