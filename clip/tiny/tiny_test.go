package tiny

import (
	"testing"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/pretraining"
	"github.com/clipcue/clipcue/synth"
)

// It names what it was trained to name, among all combinations of colour and
// shape, on pictures that it was not trained on; and combinations that it was
// never shown.
func TestNaming(t *testing.T) {
	m, err := Load(clip.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.ActivationAssumed() {
		t.Error("the file does not say its activation")
	}
	world := func(set synth.Set) pretraining.Held {
		return pretraining.Held{Name: string(set), Pairs: pretraining.World{
			World: synth.World{Seed: 1 << 40, Side: m.Config().ImageSize, Set: set, Single: true}, Count: 600}}
	}
	sets := []pretraining.Held{world(synth.Seen), world(synth.Unseen)}
	results, err := pretraining.Evaluate(t.Context(), m, sets,
		pretraining.Eval{Pairs: 600, Group: 50, Templates: []string{"a picture of a {}."}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, least := range []float64{0.85, 0.7} {
		r := results[i]
		t.Logf("%s combinations: %.3f of %d among %d", sets[i].Name, r.ZeroShot, r.Labelled, r.Labels)
		if r.Labelled != 600 || r.Labels != len(synth.Objects(synth.All)) {
			t.Errorf("%s combinations: %d pictures are named among %d labels", sets[i].Name, r.Labelled, r.Labels)
		}
		if r.ZeroShot < least {
			t.Errorf("of pictures of %s combinations %.3f are named rightly, fewer than %.2f", sets[i].Name, r.ZeroShot, least)
		}
	}
}
