package pretraining

import (
	"cmp"
	"fmt"

	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/video"
)

// World is Count pictures of a rendered world, from number First on. Those that
// show one object alone have its name, such as "red circle", as their label.
type World struct {
	synth.World
	First uint64
	Count int
}

func (w World) Len() int { return w.Count }

func (w World) Name(i int) string { return fmt.Sprintf("picture %d", w.First+uint64(i)) }

func (w World) Pair(i int) (Pair, error) {
	p := w.Picture(w.First + uint64(i))
	side := cmp.Or(w.Side, 64)
	pair := Pair{Picture: video.Frame{Width: side, Height: side, Pix: p.Pix}, Caption: p.Caption}
	if p.Labels.Count == 1 && p.Labels.Relation == "" {
		pair.Label = p.Labels.Object.String()
	}
	return pair, nil
}
