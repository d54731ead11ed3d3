package library

import (
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
// given: 195 everyday captions and a few of shapes.
func Captions() []string { return strings.Split(strings.TrimSpace(backgroundText), "\n") }

// background is captions that a query has to stand out from.
//
// The score of a sentence t for a moment v is the probability that the model
// itself gives t when it has to choose v's caption among t and the captions b:
//
//	p = exp(cos(t,v)/τ) / (exp(cos(t,v)/τ) + Σ exp(cos(b,v)/τ))
//
// at the model's own temperature τ.
// A cosine alone says little, because some moments are near to every sentence; the
// sum takes that out (the inverted softmax of Smith et al., ICLR 2017; with a bank
// of queries that is not the test's own, QB-Norm, Bogolin et al., CVPR 2022). The
// sum is the moment's own: it is taken once, when the moment is indexed.
type background struct {
	embeddings  []float32 // [N,E]
	width       int
	temperature float64
}

func newBackground(e Embedder, captions []string) (*background, error) {
	y, err := e.Texts(captions)
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

// probability is p for a cosine and a moment's log.
func probability(temperature, cosine, log float64) float64 {
	return 1 / (1 + math.Exp(log-cosine/temperature))
}

// captionsID tells one list of captions from another.
func captionsID(captions []string) string {
	sum := sha256.Sum256([]byte(strings.Join(captions, "\n")))
	return fmt.Sprintf("%d-%s", len(captions), hex.EncodeToString(sum[:4]))
}
