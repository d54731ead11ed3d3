package adapter

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/internal/towers"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/compute"
)

// Classes are names laid out between prompt vectors: the tokenizer's start mark, the prefix
// vectors, the name's tokens, the postfix vectors, the end mark. The start and the prefix are the
// same for all classes and are encoded once.
type Classes struct {
	sequences *towers.Sequences
}

// Classes lays out class names. A name that does not fit between the prompt vectors is
// an error.
func (a *Adapter) Classes(names []string) (*Classes, error) {
	tok := a.model.Tokenizer()
	if tok == nil {
		return nil, clip.ErrNoTower
	}
	if len(names) == 0 {
		return nil, errors.New("no class names")
	}
	tokens := make([][]int, len(names))
	for i, n := range names {
		ids := tok.Encode(n)
		if room := a.room(); len(ids) > room {
			return nil, fmt.Errorf("class name %q has %d tokens, but between %d+X+%d prompt vectors there is room for %d",
				n, len(ids), a.config.Prefix, a.config.Postfix, room)
		}
		if len(ids) == 0 {
			return nil, fmt.Errorf("class name %q has no tokens", n)
		}
		tokens[i] = ids
	}
	return a.layOut(tokens, tok), nil
}

// room returns how many tokens a name or text may have between the prompt vectors.
func (a *Adapter) room() int {
	start, end := a.model.Tokenizer().Marks()
	return a.model.Config().Context - len(start) - len(end) - a.config.Prefix - a.config.Postfix
}

// layOut lays out names given by their tokens.
func (a *Adapter) layOut(names [][]int, tok clip.Tokenizer) *Classes {
	start, end := tok.Marks()
	pre, post := a.config.Prefix, a.config.Postfix
	texts := make([][]int, len(names))
	for i, name := range names {
		// Layout paper indexes the table by absolute position.
		first, after := 0, pre
		if a.config.Layout == LayoutPaper {
			first, after = len(start), len(start)+pre+len(name)
		}
		text := append(make([]int, 0, a.model.Config().Context), start...)
		for p := range pre {
			text = append(text, ^(first + p))
		}
		text = append(text, name...)
		for p := range post {
			text = append(text, ^(after + p))
		}
		texts[i] = append(text, end...)
	}
	return &Classes{a.towers.Text.LayOut(texts, len(start)+pre)}
}

// encodeText writes the embeddings y [C,E]. The tape may be nil.
func (a *Adapter) encodeText(y compute.Matrix, c *Classes, tape *towers.TextTape) {
	d, tower := a.device, a.towers.Text
	x := d.Temp(c.sequences.Rows(), a.model.Config().TextWidth)
	tower.Embed(x, c.sequences)
	d.Gather(x, c.sequences.PromptRows, a.table.Value, c.sequences.Prompts)
	tower.Forward(y, x, c.sequences, tape)
}

// backText adds to the gradient of the prompt table for dy [C,E].
func (a *Adapter) backText(dy compute.Matrix, c *Classes, tape *towers.TextTape) {
	d := a.device
	defer d.Release(d.Mark())
	dx := d.Temp(c.sequences.Rows(), a.model.Config().TextWidth)
	a.towers.Text.Backward(dx, dy, c.sequences, tape)
	d.ScatterAdd(a.table.Grad, c.sequences.Prompts, dx, c.sequences.PromptRows)
}
