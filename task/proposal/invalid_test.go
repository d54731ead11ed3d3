package proposal

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/train"
)

// Invalid arguments are errors, not panics.
func TestInvalidArguments(t *testing.T) {
	c := DefaultConfig()
	c.Rate = 8
	d, err := New(16, c, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(q *feature.Sequence){
		"no frames":      func(q *feature.Sequence) { q.Features, q.Timestamps = nil, nil },
		"another width":  func(q *feature.Sequence) { q.Width, q.Features = 8, q.Features[:8*20] },
		"too few values": func(q *feature.Sequence) { q.Features = q.Features[1:] },
		"NaN":            func(q *feature.Sequence) { q.Features[7] = float32(math.NaN()) },
		"unsorted times": func(q *feature.Sequence) { q.Timestamps[3] = 0 },
	} {
		q := film("a", rand.New(rand.NewPCG(1, 1)), 20, 16, 8, nil)
		change(q)
		if _, err := d.Propose(t.Context(), q); err == nil {
			t.Errorf("Propose accepts a sequence with %s", name)
		}
	}
	weights := d.Tensors()
	damaged := func(change func(x *train.Tensor)) map[string]train.Tensor {
		out := map[string]train.Tensor{}
		for name, x := range weights {
			if name == scaleName {
				x.Data = append([]float32{}, x.Data...)
				change(&x)
			}
			out[name] = x
		}
		return out
	}
	for name, tensors := range map[string]map[string]train.Tensor{
		"no tensors": nil,
		"short":      damaged(func(x *train.Tensor) { x.Data = x.Data[1:] }),
		"NaN":        damaged(func(x *train.Tensor) { x.Data[0] = float32(math.NaN()) }),
		"infinite":   damaged(func(x *train.Tensor) { x.Data[0] = float32(math.Inf(-1)) }),
	} {
		if _, err := From(16, c, tensors); err == nil {
			t.Errorf("From accepts tensors with %s", name)
		}
	}
	videos, empty := []Example{{ID: "a"}}, [][]Proposal{nil}
	recall := func(p [][]Proposal, n int) error {
		_, err := AverageRecall(videos, p, []float64{0.5}, []int{n})
		return err
	}
	for name, err := range map[string]error{
		"width":         func() error { _, err := New(0, c, 1); return err }(),
		"levels":        func() error { c := c; c.Levels = 0; _, err := New(16, c, 1); return err }(),
		"frames":        func() error { c := c; c.Frames = -64; _, err := New(16, c, 1); return err }(),
		"recall lists":  recall(nil, 1),
		"recall number": recall(empty, -1),
		"no videos":     func() error { _, _, err := Train(t.Context(), c, DefaultTrainConfig(), Run{}); return err }(),
		"no features":   func() error { _, _, err := Train(t.Context(), c, DefaultTrainConfig(), Run{Train: videos}); return err }(),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
