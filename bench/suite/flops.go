package suite

import (
	"cmp"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
)

// The functions below count two operations for each multiply-add of matrix products, of
// convolutions and of attention. Only necessary operations count: rows that sequences share count
// once, and the last block of a tower counts only for the rows that are used.

// block is the size of a Transformer's blocks.
type block struct {
	width, mlp int
	gated      bool
}

func imageBlock(c clip.Config) block {
	return block{c.VisionWidth, cmp.Or(c.VisionMLP, 4*c.VisionWidth), c.Vision.Gated}
}

func textBlock(c clip.Config) block {
	return block{c.TextWidth, cmp.Or(c.TextMLP, 4*c.TextWidth), c.Text.Gated}
}

// flops returns the operations of a block with the given numbers of rows, of rows that are used,
// and of pairs of a query and a key.
func (b block) flops(rows, used, pairs int) float64 {
	square, products := float64(b.width)*float64(b.width), 2.0
	if b.gated {
		products = 3
	}
	// Keys and values for all rows; queries, projection and MLP for used ones.
	return 2*(2*square*float64(rows)+(2*square+products*float64(b.width)*float64(b.mlp))*float64(used)) + attentionFlops(b.width, pairs)
}

// attentionFlops returns the operations of scores and of the weighted sums of values.
func attentionFlops(d, pairs int) float64 { return 4 * float64(d) * float64(pairs) }

// patches returns the number of patches of an image.
func patches(c clip.Config) int { g := c.ImageSize / c.PatchSize; return g * g }

// imageFlops returns the operations of the image tower on n images.
func imageFlops(c clip.Config, n int) float64 {
	if c.Trunk != (clip.Trunk{}) {
		return float64(n) * trunkFlops(c)
	}
	p, b := patches(c), imageBlock(c)
	tokens := p + 1
	if c.Vision.NoClassToken {
		tokens = p
	}
	width := cmp.Or(c.Vision.PoolWidth, c.VisionWidth)
	rows, used := n*tokens, n*tokens
	var pool float64
	switch c.Vision.Pool {
	case "":
		used = n
	case checkpoint.PoolAttention: // the query is constant
		pool = 2*float64(width)*(2*float64(c.VisionWidth*rows)+float64((width+2*c.Vision.PoolMLP)*n)) + attentionFlops(width, rows)
	}
	return 2*float64(n*p)*patchProducts(c) +
		float64(c.VisionLayers-1)*b.flops(rows, rows, rows*tokens) +
		b.flops(rows, used, used*tokens) +
		pool + 2*float64(n)*float64(width)*float64(c.Embed)
}

// patchProducts returns the multiply-adds that embed a patch.
func patchProducts(c clip.Config) float64 {
	if s := c.Vision.Stem; s > 0 { // windows of 4×4, 2×2 and 2×2 pixels
		return float64(16*48*s + 4*4*s*s + 4*s*c.VisionWidth)
	}
	return float64(3 * c.PatchSize * c.PatchSize * c.VisionWidth)
}

// trunkFlops returns the operations of a convolutional tower on an image.
func trunkFlops(c clip.Config) float64 {
	half := func(side int) int { return (side + 1) / 2 }
	width, side := c.Trunk.Stages[0].Width, half(c.ImageSize)
	sum := 27 * width * side * side
	side = half(side)
	sum += (9 + width) * width * side * side
	for _, s := range c.Trunk.Stages {
		if s.Blocks == 0 {
			break
		}
		perPixel := 0
		if s.Down {
			side = half(side)
			perPixel = (49+s.Width)*s.Width + 2*s.Width*s.Squeeze/(side*side)
		}
		if s.Position {
			perPixel += 49 * s.Width
		}
		mixer := 9
		if s.Attention {
			mixer = 4*s.Width + 2*side*side
		}
		sum += (perPixel + s.Blocks*s.Width*(mixer+49+2*s.MLP)) * side * side
	}
	sum += (9*side*side + 2*c.Trunk.Squeeze + c.Embed) * c.Trunk.Final
	return 2 * float64(sum)
}

// textFlops returns the operations of the text tower, separately for products and attention, on
// sequences with a number of shared first rows and the given numbers of own rows.
func textFlops(c clip.Config, shared int, own []int) (products, attention float64) {
	if t := c.Text; t.Bidirectional || t.Pool == checkpoint.PoolLast {
		return wholeFlops(c, len(own))
	}
	rows, pairs, last := shared, shared*(shared+1)/2, 0
	for _, n := range own {
		rows += n
		pairs += n*shared + n*(n+1)/2
		last += shared + n
	}
	return towerFlops(c, rows, pairs, last, len(own))
}

// wholeFlops is textFlops for n texts that are encoded with their padding.
func wholeFlops(c clip.Config, n int) (products, attention float64) {
	rows := n * c.Context
	pairs := rows * c.Context
	if !c.Text.Bidirectional {
		pairs = rows * (c.Context + 1) / 2
	}
	return towerFlops(c, rows, pairs, rows, n)
}

// towerFlops returns the operations of the text tower for n texts, with last pairs in the last
// block.
func towerFlops(c clip.Config, rows, pairs, last, n int) (products, attention float64) {
	b := textBlock(c)
	products = float64(c.TextLayers-1)*b.flops(rows, rows, 0) + b.flops(rows, n, 0) + 2*float64(n)*float64(b.width)*float64(c.Embed)
	attention = float64(c.TextLayers-1)*attentionFlops(b.width, pairs) + attentionFlops(b.width, last)
	return products, attention
}

// stepFlops returns the operations of a training step. The backward pass of the frozen text
// tower computes the gradients of its inputs only, that of the temporal blocks also those of the
// weights. The backward pass of attention recomputes the scores and costs 2.5 times the forward
// pass.
func stepFlops(c clip.Config, shared int, own []int, windows, frames, layers int) float64 {
	products, attention := textFlops(c, shared, own)
	rows := windows * frames
	temporal := float64(layers) * block{width: c.Embed, mlp: 4 * c.Embed}.flops(rows, rows, 0)
	mixing := float64(layers) * attentionFlops(c.Embed, rows*frames)
	logits := 2 * float64(windows) * float64(len(own)) * float64(c.Embed)
	return 2*products + 3*temporal + 3.5*(attention+mixing) + 3*logits
}
