package localization

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/internal/vocabulary"
	"github.com/clipcue/clipcue/task/proposal"
)

// BenchmarkAnHour localizes 200 classes in an hour of features of ViT-B/16's width at four
// frames per second. Both stages have their default sizes.
func BenchmarkAnHour(b *testing.B) {
	const rate, frames, classes = 4, 4 * 3600, 200
	size := clip.Config{Embed: 512, ImageSize: 224, PatchSize: 16, VisionWidth: 768, VisionLayers: 12, VisionHeads: 12,
		Context: 77, Vocab: 49408, TextWidth: 512, TextLayers: 12, TextHeads: 8, Activation: "quick_gelu", Eps: 1e-5}
	m := clip.Bare(size, "bench", 0)
	c := DefaultConfig()
	a, err := adapter.New(m, c.Adapter, 1)
	if err != nil {
		b.Fatal(err)
	}
	c.Detector.Rate = rate
	c.Detector.MinScore = 0 // the most there can be, since it has learned nothing
	d, err := proposal.New(size.Embed, c.Detector, 1)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	noise := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
		return x
	}
	known := &adapter.File{Embeddings: noise(classes * size.Embed)}
	for i := range classes {
		known.Classes = append(known.Classes, fmt.Sprint(i))
	}
	l := &Localizer{Eval: c.Eval, adapter: a, detector: d, rate: rate, vocabulary: vocabulary.FromFile(known, a.Backbone(), nil)}
	q := &feature.Sequence{ID: "hour.mp4", Width: size.Embed, Features: noise(frames * size.Embed)}
	for i := range frames {
		q.Timestamps = append(q.Timestamps, float64(i)/rate)
	}
	var p []proposal.Proposal
	b.Run("propose", func(b *testing.B) {
		for b.Loop() {
			if p, err = l.Propose(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("classify", func(b *testing.B) {
		if p == nil {
			if p, err = l.Propose(b.Context(), q); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if _, err := l.Classify(b.Context(), q, p); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(len(p)), "proposals")
	})
}
