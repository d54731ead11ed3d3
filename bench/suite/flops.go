package suite

import "github.com/clipcue/clipcue/clip"

// The functions below count two operations for each multiply-add of matrix products and of
// attention. Only necessary operations count: rows that sequences share count once, and the
// last block of a tower counts only for the rows that are used.

// blockFlops returns the operations of a block of width d with the given numbers of rows, of
// rows that are used, and of pairs of a query and a key.
func blockFlops(d, rows, used, pairs int) float64 {
	// Keys and values for all rows; queries, projection and MLP (1+1+4+4) for used ones.
	return 2*float64(d)*float64(d)*float64(2*rows+10*used) + attentionFlops(d, pairs)
}

// attentionFlops returns the operations of scores and of the weighted sums of values.
func attentionFlops(d, pairs int) float64 { return 4 * float64(d) * float64(pairs) }

// patches returns the number of patches of an image.
func patches(c clip.Config) int { g := c.ImageSize / c.PatchSize; return g * g }

// imageFlops returns the operations of the image tower on n images.
func imageFlops(c clip.Config, n int) float64 {
	p, d := patches(c), c.VisionWidth
	rows := n * (1 + p)
	return 2*float64(n*p)*float64(3*c.PatchSize*c.PatchSize)*float64(d) +
		float64(c.VisionLayers-1)*blockFlops(d, rows, rows, rows*(1+p)) +
		blockFlops(d, rows, n, rows) + // the only query of an image attends to all its rows
		2*float64(n)*float64(d)*float64(c.Embed)
}

// textFlops returns the operations of the text tower, separately for products and attention, on
// sequences with a number of shared first rows and the given numbers of own rows.
func textFlops(c clip.Config, shared int, own []int) (products, attention float64) {
	rows, pairs, last := shared, shared*(shared+1)/2, 0
	for _, n := range own {
		rows += n
		pairs += n*shared + n*(n+1)/2
		last += shared + n
	}
	d := c.TextWidth
	products = float64(c.TextLayers-1)*blockFlops(d, rows, rows, 0) + blockFlops(d, rows, len(own), 0) +
		2*float64(len(own))*float64(d)*float64(c.Embed)
	attention = float64(c.TextLayers-1)*attentionFlops(d, pairs) + attentionFlops(d, last)
	return products, attention
}

// stepFlops returns the operations of a training step. The backward pass of the frozen text
// tower computes the gradients of its inputs only, that of the temporal blocks also those of the
// weights. The backward pass of attention recomputes the scores and costs 2.5 times the forward
// pass.
func stepFlops(c clip.Config, shared int, own []int, windows, frames, layers int) float64 {
	products, attention := textFlops(c, shared, own)
	rows := windows * frames
	temporal := float64(layers) * blockFlops(c.Embed, rows, rows, 0)
	mixing := float64(layers) * attentionFlops(c.Embed, rows*frames)
	logits := 2 * float64(windows) * float64(len(own)) * float64(c.Embed)
	return 2*products + 3*temporal + 3.5*(attention+mixing) + 3*logits
}
