package pretraining

import (
	"cmp"
	"fmt"

	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/video"
)

// World is a source of rendered images of colored shapes with captions. Images that show
// one object alone have its name as their label, such as "red circle". The images follow
// from the seed and their numbers.
type World struct {
	Seed         uint64
	ImageSize    int    // width and height; 0 means 64
	Combinations string // of color and shape: "all" (or ""), "seen" or "unseen"
	Single       bool   // every image shows one object alone
	First        uint64 // number of the first image
	Count        int
}

// Len returns the number of images.
func (w World) Len() int { return w.Count }

// Name returns the number of image i, as text.
func (w World) Name(i int) string { return fmt.Sprintf("picture %d", w.First+uint64(i)) }

// Pair renders image i.
func (w World) Pair(i int) (Pair, error) {
	world := synth.World{Seed: w.Seed, Side: cmp.Or(w.ImageSize, 64), Set: synth.Set(cmp.Or(w.Combinations, string(synth.All))), Single: w.Single}
	p := world.Picture(w.First + uint64(i))
	pair := Pair{Image: video.Frame{Width: world.Side, Height: world.Side, Pix: p.Pix}, Caption: p.Caption}
	if p.Labels.Count == 1 && p.Labels.Relation == "" {
		pair.Label = p.Labels.Object.String()
	}
	return pair, nil
}
