package computetest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
	"pgregory.net/rapid"
)

// attend computes attention directly from its definition.
func attend(q, kv wide, s *compute.AttentionShape) wide {
	w := len(q[0])
	d := w / s.Heads
	out := newWide(len(q), w)
	for _, g := range s.Segments {
		for i := range g.Queries {
			var keys []int
			if g.Key >= s.Shared {
				for k := range s.Shared {
					keys = append(keys, k)
				}
			}
			n := g.Keys
			if s.Causal {
				n -= g.Queries - 1 - i
			}
			for k := range n {
				keys = append(keys, g.Key+k)
			}
			for h := range s.Heads {
				score, total := make([]float64, len(keys)), 0.0
				for a, k := range keys {
					for c := range d {
						score[a] += q[g.Query+i][h*d+c] * kv[k][h*d+c]
					}
					score[a] = math.Exp(score[a] / math.Sqrt(float64(d)))
					total += score[a]
				}
				for a, k := range keys {
					for c := range d {
						out[g.Query+i][h*d+c] += score[a] / total * kv[k][w+h*d+c]
					}
				}
			}
		}
	}
	return out
}

func testAttention(t *testing.T, open Open) {
	onDevices(t, open, func(t *rapid.T, d compute.Device, rng *rand.Rand) {
		heads, dim := rapid.IntRange(1, 3).Draw(t, "heads"), rapid.IntRange(1, 4).Draw(t, "dim")
		s := &compute.AttentionShape{Heads: heads, Causal: rapid.Bool().Draw(t, "causal"), Shared: rapid.IntRange(0, 3).Draw(t, "shared")}
		lastOnly := rapid.Bool().Draw(t, "last row only")
		nq, nk := 0, s.Shared
		if s.Shared > 0 && !lastOnly {
			s.Segments = append(s.Segments, compute.Segment{Queries: s.Shared, Keys: s.Shared})
			nq = s.Shared
		}
		for range rapid.IntRange(1, 4).Draw(t, "segments") {
			keys := rapid.IntRange(1, 5).Draw(t, "keys")
			queries := keys
			if lastOnly {
				queries = 1
			}
			s.Segments = append(s.Segments, compute.Segment{Query: nq, Queries: queries, Key: nk, Keys: keys})
			nq, nk = nq+queries, nk+keys
		}
		w := heads * dim
		q, kv, up := random(rng, nq, w), random(rng, nk, 2*w), random(rng, nq, w)
		apply := func() wide { return attend(q, kv, s) }
		out := put(d, newWide(nq, w))
		d.Attention(out, put(d, q), put(d, kv), s)
		nearAbs(t, "out", get(d, out), apply(), 1e-5)
		dq, dkv := put(d, random(rng, nq, w)), put(d, random(rng, nk, 2*w))
		d.AttentionGrad(dq, dkv, put(d, up), put(d, q), put(d, kv), s)
		nearAbs(t, "dkv", get(d, dkv), slopes(kv, up, apply), 1e-4)
		nearAbs(t, "dq", get(d, dq), slopes(q, up, apply), 1e-4)
	})
}

// At the sizes of real towers, gradients are compared with those of the portable kernels, which
// the small sizes check.
func testAttentionAtSize(t *testing.T, open Open) {
	for name, s := range map[string]struct {
		dim, shared, queries int // queries per segment; 0 means the number of its keys
		causal               bool
		keys                 []int
	}{
		"image":          {dim: 64, keys: []int{197, 197}},
		"large image":    {dim: 80, keys: []int{257}},
		"last row":       {dim: 64, queries: 1, keys: []int{50, 50, 50}},
		"text":           {dim: 64, causal: true, keys: []int{77, 30, 1}},
		"shared":         {dim: 64, causal: true, shared: 17, keys: []int{18, 19, 33, 3}},
		"shared, last":   {dim: 48, causal: true, shared: 17, queries: 1, keys: []int{18, 19, 33, 3}},
		"narrow":         {dim: 20, keys: []int{16, 16, 16}},
		"beyond a block": {dim: 16, keys: []int{900}},
	} {
		t.Run(name, func(t *testing.T) {
			const heads = 2
			shape := &compute.AttentionShape{Heads: heads, Causal: s.causal, Shared: s.shared}
			nq, nk := 0, s.shared
			if s.shared > 0 && s.queries == 0 {
				shape.Segments, nq = append(shape.Segments, compute.Segment{Queries: s.shared, Keys: s.shared}), s.shared
			}
			for _, keys := range s.keys {
				queries := keys
				if s.queries > 0 {
					queries = s.queries
				}
				shape.Segments = append(shape.Segments, compute.Segment{Query: nq, Queries: queries, Key: nk, Keys: keys})
				nq, nk = nq+queries, nk+keys
			}
			rng := rand.New(rand.NewPCG(1, 5))
			w := heads * s.dim
			q, kv, up := random(rng, nq, w), random(rng, nk, 2*w), random(rng, nq, w)
			want := attend(q, kv, shape)
			portable, err := compute.NewBackend("generic", 2)
			if err != nil {
				t.Fatal(err)
			}
			var dq, dkv wide
			for _, d := range []compute.Device{portable, open(2)} {
				out := put(d, random(rng, nq, w))
				d.Attention(out, put(d, q), put(d, kv), shape)
				near(t, "out", get(d, out), want, 1e-5)
				a, b := put(d, random(rng, nq, w)), put(d, random(rng, nk, 2*w))
				d.AttentionGrad(a, b, put(d, up), put(d, q), put(d, kv), shape)
				if dq == nil {
					dq, dkv = get(d, a), get(d, b)
				}
				near(t, "dq", get(d, a), dq, 1e-5)
				near(t, "dkv", get(d, b), dkv, 1e-5)
			}
		})
	}
}
