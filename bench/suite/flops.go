package suite

import "github.com/clipcue/clipcue/clip"

// Floating-point operations are counted as two for each multiply-add of the
// matrix products and of attention, and only those that have to be done: what
// several sequences share counts once, and of a tower's last block only the rows
// that are looked at.

// blockFlops is one block of width d on so many rows, with pairs of a query and
// a key, of which only some rows are wanted.
func blockFlops(d, rows, wanted, pairs int) float64 {
	// Keys and values; then queries, projection and the MLP's 4+4.
	return 2*float64(d)*float64(d)*float64(2*rows+10*wanted) + attentionFlops(d, pairs)
}

// attentionFlops are scores and the sum of values.
func attentionFlops(d, pairs int) float64 { return 4 * float64(d) * float64(pairs) }

// patches is the number of a picture's patches.
func patches(c clip.Config) int { g := c.ImageSize / c.PatchSize; return g * g }

// imageFlops is the image tower on n pictures.
func imageFlops(c clip.Config, n int) float64 {
	p, d := patches(c), c.VisionWidth
	rows := n * (1 + p)
	return 2*float64(n*p)*float64(3*c.PatchSize*c.PatchSize)*float64(d) +
		float64(c.VisionLayers-1)*blockFlops(d, rows, rows, rows*(1+p)) +
		blockFlops(d, rows, n, rows) + // each picture's one query sees all its rows
		2*float64(n)*float64(d)*float64(c.Embed)
}

// textFlops is the text tower on sequences that share their first rows and have
// so many of their own: its products, and apart its attention.
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

// stepFlops is a training step: the text tower is frozen, so that its backward
// pass has the inputs' gradients only; the temporal blocks' has the weights', too.
// Attention's backward pass makes the scores again: 2.5 times the forward pass.
func stepFlops(c clip.Config, shared int, own []int, windows, frames, layers int) float64 {
	products, attention := textFlops(c, shared, own)
	rows := windows * frames
	temporal := float64(layers) * blockFlops(c.Embed, rows, rows, 0)
	mixing := float64(layers) * attentionFlops(c.Embed, rows*frames)
	logits := 2 * float64(windows) * float64(len(own)) * float64(c.Embed)
	return 2*products + 3*temporal + 3.5*(attention+mixing) + 3*logits
}
