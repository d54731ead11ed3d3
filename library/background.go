package library

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/clipcue/clipcue/internal/compute"
)

//go:embed background.txt
var backgroundText string

// DefaultCaptions returns the default background captions: 183 everyday ones, and 100 of colored
// shapes, which clipcue-tiny was trained on.
func DefaultCaptions() []string { return strings.Split(strings.TrimSpace(backgroundText), "\n") }

// background has the captions that text queries are compared with.
//
// A model with the temperature τ that chooses a moment's caption from a query t and the
// captions b gives t the probability
//
//	p = exp(cos(t,v)/τ) / (exp(cos(t,v)/τ) + Σ exp(cos(b,v)/τ)) = 1 / (1 + exp(L(v) - cos(t,v)/τ))
//
// with L(v) = log Σ exp(cos(b,v)/τ). The score of t for v uses the mean of L over the
// library instead of L(v): the probability for a moment that the background describes as
// well as on average. It depends only on the cosine, so it does not favor moments that no
// background caption happens to describe; the package comment has the measurement.
type background struct {
	embeddings  []float32 // [N,E]
	width       int
	temperature float64
}

func newBackground(ctx context.Context, e Embedder, captions []string) (*background, error) {
	y, err := e.EncodeTexts(ctx, captions)
	if err != nil {
		return nil, fmt.Errorf("background captions: %w", err)
	}
	if len(captions) == 0 || len(y) == 0 || len(y)%len(captions) != 0 {
		return nil, errors.New("the model returned no embeddings of the background captions")
	}
	return &background{y, len(y) / len(captions), e.Temperature()}, nil
}

// log returns log Σ exp(cos(b,v)/τ).
func (b *background) log(v []float32) float64 {
	terms := make([]float64, 0, len(b.embeddings)/b.width)
	highest := math.Inf(-1)
	for at := 0; at < len(b.embeddings); at += b.width {
		x := compute.Dot(b.embeddings[at:at+b.width], v) / b.temperature
		terms = append(terms, x)
		highest = max(highest, x)
	}
	sum := 0.
	for _, x := range terms {
		sum += math.Exp(x - highest)
	}
	return highest + math.Log(sum)
}

// probability returns p for a cosine and a level of the background.
func probability(temperature, cosine, log float64) float64 {
	return 1 / (1 + math.Exp(log-cosine/temperature))
}

// captionsID identifies a list of captions.
func captionsID(captions []string) string {
	sum := sha256.Sum256([]byte(strings.Join(captions, "\n")))
	return fmt.Sprintf("%d-%s", len(captions), hex.EncodeToString(sum[:4]))
}
