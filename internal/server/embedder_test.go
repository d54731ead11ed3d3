package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/clipcue/clipcue/library"
)

// lengths is an embedder whose embedding of a text is its length. It counts the texts.
type lengths struct {
	library.Embedder
	mu    sync.Mutex
	count map[string]int
}

var errBad = errors.New("a bad text")

func (l *lengths) EncodeTexts(_ context.Context, texts []string) (out []float32, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(texts, "bad") {
		return nil, errBad
	}
	for _, t := range texts {
		l.count[t]++
		out = append(out, float32(len(t)), 1)
	}
	return out, nil
}

// Each text is embedded once, whoever asks for it at the same time, and a text that cannot be
// embedded fails alone.
func TestRemembering(t *testing.T) {
	under := &lengths{count: map[string]int{}}
	r := newRemembering(under)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			text := fmt.Sprint("text ", i%40)
			x, err := r.EncodeTexts(t.Context(), []string{text, "the same"})
			if want := []float32{float32(len(text)), 1, 8, 1}; err != nil || !slices.Equal(x, want) {
				t.Errorf("%q: %v, %v, want %v", text, x, err, want)
			}
			if _, err := r.EncodeTexts(t.Context(), []string{"bad"}); !errors.Is(err, errBad) {
				t.Errorf("the bad text: %v", err)
			}
		})
	}
	all.Wait()
	for text, n := range under.count {
		if n != 1 {
			t.Errorf("%q was embedded %d times", text, n)
		}
	}
}
