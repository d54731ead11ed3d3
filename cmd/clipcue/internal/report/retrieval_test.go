package report

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/retrieval"
	"github.com/clipcue/clipcue/train"
)

// The report of a retriever says how well it finds, on what, and by which captions;
// captions are text, and videos that are gone have a note.
func TestRetrieval(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	m, err := clip.New(clip.RandomWeights(clip.Config{Embed: 32, ImageSize: 16, PatchSize: 8, VisionWidth: 32, VisionLayers: 1, VisionHeads: 1,
		Context: 24, Vocab: 700, TextWidth: 32, TextLayers: 1, TextHeads: 1, Activation: "quick_gelu", Eps: 1e-5}, 1), clip.Options{Towers: clip.TextTower})
	if err != nil {
		t.Fatal(err)
	}
	store, err := feature.Create(filepath.Join(dir, "features"))
	if err != nil {
		t.Fatal(err)
	}
	rows := "video,caption,split\n"
	for i := range 8 {
		q := &feature.Sequence{ID: fmt.Sprintf("%d.mp4", i), Width: 32, Timestamps: []float64{0, 1}, Features: make([]float32, 64),
			Provenance: feature.Provenance{Backbone: m.Fingerprint(), Sampling: "fps=1", Source: filepath.Join(dir, "gone.mp4")}}
		for j := range q.Features {
			q.Features[j] = float32((i*j)%7) - 3
		}
		if err := store.Put(q); err != nil {
			t.Fatal(err)
		}
		rows += fmt.Sprintf("%d.mp4,<b>thing</b> %d & more,%s\n", i, i, []string{"train", "test"}[i%2])
	}
	rows += "lost.mp4,a ghost,test\n"
	captions := filepath.Join(dir, "captions.csv")
	if err := os.WriteFile(captions, []byte(rows), 0o666); err != nil {
		t.Fatal(err)
	}
	data := retrieval.Data{Path: captions, Features: store.Dir()}
	opened, err := data.Open(feature.BackboneOf(m))
	if err != nil {
		t.Fatal(err)
	}
	r := retrieval.Run{Run: train.Run{Dir: filepath.Join(dir, "run"), Note: data, Log: slog.New(slog.DiscardHandler)}, Backbone: m}
	if r.Sets, err = opened.Sets(); err != nil {
		t.Fatal(err)
	}
	c := retrieval.DefaultConfig()
	c.Train.Steps, c.Batch, c.Adapter.Frames, c.Adapter.Prefix, c.Adapter.Postfix = 4, 2, 2, 2, 2
	if _, err := retrieval.Train(ctx, c, r); err != nil {
		t.Fatal(err)
	}
	result, err := retrieval.Baseline(m).Evaluate(ctx, r.Test, retrieval.Evaluation{DualSoftmax: true})
	if err != nil {
		t.Fatal(err)
	}
	measured := &Retrieved{Result: result, Set: r.Test, On: "test videos"}
	for name, tt := range map[string]struct {
		page  func() (*Report, error)
		words []string
	}{
		"run": {func() (*Report, error) { return Run(ctx, r.Dir, measured, "on test videos") },
			[]string{"Retrieval: run", "Learned from 4 captions of 4 videos, 2 videos a step", "Training loss", "feature store"}},
		"evaluation":         {func() (*Report, error) { return Evaluation(ctx, r.Dir, measured) }, []string{"Evaluation: run", "Configuration"}},
		"backbone by itself": {func() (*Report, error) { return Evaluation(ctx, "", measured) }, []string{"CLIP alone"}},
	} {
		report, err := tt.page()
		if err != nil {
			t.Fatal(err)
		}
		page := render(t, report)
		selfContained(t, page)
		for _, word := range append(tt.words, "among 4 test videos", "R@10", "median rank", "uses the whole test set", "video to text", "left out: 1 of videos without features",
			"&lt;b&gt;thing&lt;/b&gt;", "gone.mp4 was not found") {
			if !strings.Contains(page, word) {
				t.Errorf("%s: the page does not say %q", name, word)
			}
		}
	}
	// Nothing was measured.
	report, err := Run(ctx, r.Dir, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	if page := render(t, report); strings.Contains(page, "Examples") || !strings.Contains(page, "Training loss") {
		t.Error("a run without a measurement has examples, or no loss")
	}
}
