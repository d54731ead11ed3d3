package labeling

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/label"
)

// moments returns moments in which one frame feature grows, or falls. Their means are alike.
func moments(embed, n int, growing bool, seed uint64) (out []label.Frames) {
	random := rand.New(rand.NewPCG(seed, 0))
	const frames = 8
	for range n {
		var f label.Frames
		for t := range frames {
			row := make([]float32, embed)
			for i := range row {
				row[i] = float32(random.NormFloat64())
			}
			level := float32(t) - (frames-1)/2.
			if !growing {
				level = -level
			}
			row[3] += 2 * level
			f.Features, f.Times = append(f.Features, row...), append(f.Times, float64(t)/2)
		}
		f.End = frames / 2
		out = append(out, f)
	}
	return out
}

// A recognizer learns the order of frames, from a file that holds everything but the backbone.
func TestRecognizersLearnMotions(t *testing.T) {
	model, err := tiny.Load(clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	embed := model.Config().Embed
	trainer := Trainer{Backbone: model, steps: 60}
	file, err := trainer.TrainModel(t.Context(), "growing", moments(embed, 12, true, 1), moments(embed, 40, false, 2), nil)
	if err != nil {
		t.Fatal(err)
	}
	score, err := Trainer{Backbone: model}.OpenModel(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, growing := range []bool{true, false} {
		scores, err := score(t.Context(), moments(embed, 20, growing, 3))
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for _, s := range scores {
			if (s > 0) == growing {
				right++
			}
		}
		if right < 18 {
			t.Errorf("growing %v: %d of %d are right", growing, right, len(scores))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trainer.TrainModel(ctx, "growing", moments(embed, 2, true, 1), moments(embed, 2, false, 2), nil); err == nil {
		t.Error("training goes on after its context ends")
	}
	if _, err := trainer.OpenModel(file[:len(file)/2]); err == nil {
		t.Error("half a file is taken")
	}
}
