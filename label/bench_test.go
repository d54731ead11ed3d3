package label

import (
	"math/rand/v2"
	"os"
	"testing"
)

// BenchmarkMark measures from a mark to the new ranking: learning the head from twenty
// marks, scoring all moments and selecting fifty. A million moments take 3 GB, and run with
// CLIPCUE_SLOW only.
func BenchmarkMark(b *testing.B) {
	for _, c := range []struct {
		name     string
		n, embed int
	}{{"100000x512", 100_000, 512}, {"1000000x512", 1_000_000, 512}} {
		b.Run(c.name, func(b *testing.B) {
			if c.n > 100_000 && os.Getenv("CLIPCUE_SLOW") == "" {
				b.Skip("CLIPCUE_SLOW is not set")
			}
			r := rand.New(rand.NewPCG(1, 2))
			m := NewMoments(axes(c.embed, tracked), c.n)
			e, t := make([]float64, c.embed), make([]float32, m.directions.Width())
			for j := range t {
				t[j] = float32(r.NormFloat64() / 40)
			}
			for i := range c.n {
				for j := range e {
					e[j] = r.Float64()
				}
				if err := m.Add(Moment{int64(i / 100), float64(2 * (i % 100)), float64(2*(i%100) + 4), normal(e), t, nil}); err != nil {
					b.Fatal(err)
				}
			}
			text := m.embedding(7)
			var marks []Mark
			for i := range 20 {
				video, start, end := m.Span(i * 1000)
				marks = append(marks, Mark{video, start, end, i%2 == 0})
			}
			m.stats()
			for b.Loop() {
				t, err := Teach(m, text, marks)
				if err != nil {
					b.Fatal(err)
				}
				t.Suggest(Likely, 50, 0, nil)
			}
		})
	}
}
