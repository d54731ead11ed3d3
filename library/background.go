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

// Captions are the background that sentences are measured against if no other is
// given: 183 everyday captions, and 100 of colored shapes, which are what
// clipcue-tiny knows.
func Captions() []string { return strings.Split(strings.TrimSpace(backgroundText), "\n") }

// background is captions that a sentence has to stand out from.
//
// A model with the temperature τ, choosing a moment's caption among a sentence t and
// captions b, gives t the probability
//
//	p = exp(cos(t,v)/τ) / (exp(cos(t,v)/τ) + Σ exp(cos(b,v)/τ)) = 1 / (1 + exp(L(v) - cos(t,v)/τ))
//
// with L(v) = log Σ exp(cos(b,v)/τ). The score of t for v is this with the mean of L
// over the library in the place of L(v): the probability for a moment of which the
// background knows as much as it does on average. It rises with the cosine alone, so
// that it does not favor moments that no caption of the background happens to be
// about; DESIGN.md has the measurement.
type background struct {
	embeddings  []float32 // [N,E]
	width       int
	temperature float64
}

func newBackground(ctx context.Context, e Embedder, captions []string) (*background, error) {
	y, err := e.Texts(ctx, captions)
	if err != nil {
		return nil, fmt.Errorf("background captions: %w", err)
	}
	if len(captions) == 0 || len(y) == 0 || len(y)%len(captions) != 0 {
		return nil, errors.New("the model gave no embeddings of the background captions")
	}
	return &background{y, len(y) / len(captions), e.Temperature()}, nil
}

// log is log Σ exp(cos(b,v)/τ).
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

// probability is p for a cosine and a level of the background.
func probability(temperature, cosine, log float64) float64 {
	return 1 / (1 + math.Exp(log-cosine/temperature))
}

// captionsID tells one list of captions from another.
func captionsID(captions []string) string {
	sum := sha256.Sum256([]byte(strings.Join(captions, "\n")))
	return fmt.Sprintf("%d-%s", len(captions), hex.EncodeToString(sum[:4]))
}
