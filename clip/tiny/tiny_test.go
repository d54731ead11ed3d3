package tiny

import (
	"testing"

	"github.com/clipcue/clipcue/clip"
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
	size := m.Config()
	place := map[string]int{}
	var names []string
	for i, o := range synth.Objects(synth.All) {
		place[o.String()] = i
		names = append(names, o.String())
	}
	classes, err := m.EncodeClasses(names, []string{"a picture of a {}."})
	if err != nil {
		t.Fatal(err)
	}
	for set, least := range map[synth.Set]float64{synth.Seen: 0.85, synth.Unseen: 0.7} {
		const n = 600
		world := synth.World{Seed: 1 << 40, Side: size.ImageSize, Set: set, Single: true}
		var rgb []byte
		var want [n]int
		for i := range n {
			p := world.Picture(uint64(i))
			rgb = append(rgb, p.Pix...)
			want[i] = place[p.Labels.Object.String()]
		}
		features, err := m.EncodeImages(rgb)
		if err != nil {
			t.Fatal(err)
		}
		right := 0
		for i, w := range want {
			if nearest(features[i*size.Embed:(i+1)*size.Embed], classes) == w {
				right++
			}
		}
		share := float64(right) / n
		t.Logf("%s combinations: %.3f of %d among %d", set, share, n, len(names))
		if share < least {
			t.Errorf("of pictures of %s combinations %.3f are named rightly, fewer than %.2f", set, share, least)
		}
	}
}

// nearest is the row of classes [C,E] with the largest product with x [E].
func nearest(x, classes []float32) (best int) {
	var most float32
	for c := range len(classes) / len(x) {
		var sum float32
		for i, v := range x {
			sum += v * classes[c*len(x)+i]
		}
		if c == 0 || sum > most {
			best, most = c, sum
		}
	}
	return best
}
