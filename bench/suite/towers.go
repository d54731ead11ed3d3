package suite

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/clipcue/clipcue/clip"
)

// Image measures the image tower on batches of random images.
func (b *Bench) Image(ctx context.Context, m *clip.Model, batch int) (Result, error) {
	c := m.Config()
	rgb := make([]byte, batch*3*c.ImageSize*c.ImageSize)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range rgb {
		rgb[i] = byte(rng.Uint32())
	}
	return b.measure(ctx, work{
		name: "image", sizes: fmt.Sprintf("%d × %d×%d pixels", batch, c.ImageSize, c.ImageSize), unit: "images",
		items: batch, flops: imageFlops(c, batch),
		run: func() error { _, err := m.EncodeImages(ctx, rgb); return err },
	})
}

// Text measures the text tower on short texts, each encoded at its own length.
func (b *Bench) Text(ctx context.Context, m *clip.Model, n int) (Result, error) {
	if m.Tokenizer() == nil {
		return Result{}, clip.ErrNoTower
	}
	texts, own, tokens := Texts(n), make([]int, n), 0
	for i, text := range texts {
		own[i] = len(m.Tokenizer().Encode(text)) + 1 // with EOT
		tokens += 1 + own[i]
	}
	products, attention := textFlops(m.Config(), 1, own)
	return b.measure(ctx, work{
		name: "text", sizes: fmt.Sprintf("%d texts, %d tokens", n, tokens), unit: "texts",
		items: n, flops: products + attention,
		run: func() error { _, err := m.EncodeTexts(ctx, texts, false); return err },
	})
}

// Texts returns n short texts.
func Texts(n int) []string {
	out := classNames(n)
	for i, name := range out {
		out[i] = "a video of a person: " + name
	}
	return out
}

// classNames returns n artificial action names, alternately of one, two and three tokens.
func classNames(n int) []string {
	verbs := []string{"run", "jump", "walk", "climb", "throw", "catch", "kick", "hit", "swim", "eat", "drink", "ride", "wave", "smile", "talk", "push", "turn"}
	where := []string{"up", "down", "left", "right", "out", "back", "around"}
	how := []string{"fast", "slow", "together", "alone", "again"}
	out := make([]string, n)
	for i := range out {
		out[i] = verbs[i/3%len(verbs)]
		if i%3 > 0 {
			out[i] += " " + where[i/3%len(where)]
		}
		if i%3 > 1 {
			out[i] += " " + how[i/3%len(how)]
		}
	}
	return out
}
