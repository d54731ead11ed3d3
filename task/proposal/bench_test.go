package proposal

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/clipcue/clipcue/feature"
)

// An hour of features of ViT-B/16's width at four frames per second.
func BenchmarkPropose(b *testing.B) {
	const frames, width, rate = 14400, 512, 4
	c := DefaultConfig()
	c.Rate = rate
	d, err := New(width, c, 1)
	if err != nil {
		b.Fatal(err)
	}
	q := &feature.Sequence{ID: "hour.mp4", Width: width, Features: make([]float32, frames*width)}
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range q.Features {
		q.Features[i] = float32(rng.NormFloat64())
	}
	for i := range frames {
		q.Timestamps = append(q.Timestamps, float64(i)/rate)
	}
	b.ReportAllocs()
	for b.Loop() {
		begin := time.Now()
		if _, err := d.Propose(b.Context(), q); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(frames/rate/time.Since(begin).Seconds(), "×realtime")
	}
}
