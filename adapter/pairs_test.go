package adapter

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
)

// pairs is an adapter with four windows and sentences that belong to them.
func pairs(t *testing.T, c Config) (a *Adapter, features []float32, s *Classes) {
	t.Helper()
	m, err := clip.New(clip.RandomWeights(tiny(), 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	c.Prefix, c.Postfix, c.Frames, c.Temperature = 2, 1, 3, 0.5
	if a, err = New(m, c, 1); err != nil {
		t.Fatal(err)
	}
	// Behind a layer norm vectors as short as the first ones are too curved for
	// central differences.
	a.device.Scale(a.table.Value, 30)
	if s, _, err = a.Texts([]string{"a man runs", "she sits down", "they eat", "she sits down"}); err != nil {
		t.Fatal(err)
	}
	features = make([]float32, 4*3*tiny().Embed)
	for i := range features {
		features[i] = float32(math.Sin(float64(i * i)))
	}
	return a, features, s
}

// The gradients of retrieval, of the temperature and of excluded pairs among them,
// are those of central differences.
func TestGradientsOfPairs(t *testing.T) {
	for _, c := range []Config{
		{TemporalLayers: 2}, {TemporalLayers: 2, LearnTemperature: true},
		{TemporalLayers: 1, Residual: true, LearnTemperature: true, Layout: LayoutContext},
	} {
		for _, same := range [][]string{nil, {"a", "b", "c", "b"}} {
			a, features, s := pairs(t, c)
			a.slopes(t, "pairs", func(bool) float64 {
				p := forward(t, a, features, s, nil)
				defer p.Release()
				anchor := 0.0
				if c.Residual {
					anchor = p.AnchorVideo(0.5)
				}
				return noError(t)(p.ContrastiveLoss(same)) + anchor
			})
		}
	}
}

// Pairs with a key in common are taken out of one another's negatives, whichever
// list the key stands in.
func TestPairsWithOneKey(t *testing.T) {
	a, features, s := pairs(t, Config{TemporalLayers: 1})
	loss := func(same ...[]string) float64 {
		p := forward(t, a, features, s, nil)
		defer p.Release()
		return noError(t)(p.ContrastiveLoss(same...))
	}
	all := loss()
	differ := []string{"1", "2", "3", "4"}
	if got := loss(differ, differ); got != all {
		t.Errorf("loss %v with keys that all differ instead of %v", got, all)
	}
	captions := loss([]string{"a", "b", "c", "b"}, differ)
	videos := loss(differ, []string{"v", "w", "x", "w"})
	if captions != videos || !(captions < all) {
		t.Errorf("losses %v and %v with two pairs that are not negatives, %v with all", captions, videos, all)
	}
}

// A sentence that is too long is cut at its end and counted; what is left is
// encoded like the same words alone.
func TestLongSentencesAreCut(t *testing.T) {
	a, _, _ := pairs(t, Config{})
	long := strings.Repeat("a ", 30) // a token each
	short := strings.TrimSpace(long[:2*a.room()])
	got, cut, err := a.EncodeTexts(t.Context(), []string{long, "they eat", short})
	if err != nil || cut != 1 {
		t.Fatalf("%d were cut: %v", cut, err)
	}
	e := tiny().Embed
	// The three have other rows in the same pass, which may round differently.
	for i, v := range got[:e] {
		if d := float64(v - got[2*e+i]); math.Abs(d) > 1e-5 {
			t.Fatalf("value %d differs by %g", i, d)
		}
	}
	for _, bad := range [][]string{nil, {"they eat", " "}} {
		if _, _, err := a.EncodeTexts(t.Context(), bad); err == nil {
			t.Errorf("%q has embeddings", bad)
		}
	}
	// More sentences than a pass takes.
	many := slices.Repeat([]string{"they eat"}, 130)
	if got, _, err = a.EncodeTexts(t.Context(), many); err != nil || len(got) != 130*e {
		t.Errorf("%d values: %v", len(got), err)
	}
}

// A temperature that is learned begins as it was said, is kept in the file, and
// stays within CLIP's bound.
func TestLearnedTemperature(t *testing.T) {
	a, _, _ := pairs(t, Config{LearnTemperature: true})
	if tau := a.Temperature(); math.Abs(tau-0.5) > 1e-6 {
		t.Errorf("temperature %v at the start", tau)
	}
	a.device.Upload(a.logScale.Value, []float32{2})
	path := filepath.Join(t.TempDir(), "model.safetensors")
	if err := a.File().Write(path); err != nil {
		t.Fatal(err)
	}
	f, err := ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := f.Adapter(a.model)
	if err != nil {
		t.Fatal(err)
	}
	if tau := b.Temperature(); math.Abs(tau-math.Exp(-2)) > 1e-6 {
		t.Errorf("temperature %v after reading", tau)
	}
	b.device.Upload(b.logScale.Value, []float32{20})
	b.LimitTemperature()
	if tau := b.Temperature(); math.Abs(tau-0.01) > 1e-6 {
		t.Errorf("temperature %v after clipping", tau)
	}
}
