package tiny

import (
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/task/pretraining"
)

// The model classifies images that it was not trained on, among all combinations of color and
// shape, including combinations that were never shown in training.
func TestNaming(t *testing.T) {
	m, err := Load(clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Assumed()) > 0 {
		t.Error("the file does not say its activation")
	}
	world := func(set synth.Set) pretraining.EvalSet {
		return pretraining.EvalSet{Name: string(set), Pairs: pretraining.World{
			Seed: 1 << 40, ImageSize: m.Config().ImageSize, Combinations: string(set), Single: true, Count: 600}}
	}
	sets := []pretraining.EvalSet{world(synth.Seen), world(synth.Unseen)}
	results, err := pretraining.Evaluate(t.Context(), m, sets,
		pretraining.Evaluation{Pairs: 600, Group: 50, Templates: []string{"a picture of a {}."}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []float64{0.85, 0.7} {
		r := results[i]
		t.Logf("%s combinations: %.3f of %d among %d", sets[i].Name, r.ZeroShot, r.Labeled, r.Labels)
		if r.Labeled != 600 || r.Labels != len(synth.Objects(synth.All)) {
			t.Errorf("%s combinations: %d pictures are named among %d labels", sets[i].Name, r.Labeled, r.Labels)
		}
		if r.ZeroShot < least {
			t.Errorf("of pictures of %s combinations %.3f are named rightly, fewer than %.2f", sets[i].Name, r.ZeroShot, least)
		}
	}
}
