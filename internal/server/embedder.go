package server

import (
	"context"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/progress"
)

// remembering is an embedder that remembers the embeddings of texts: the same ones are
// needed after every mark. Texts that arrive while others are embedded are embedded together.
type remembering struct {
	library.Embedder
	texts *lru.Cache[string, []float32]

	mu      sync.Mutex // guards the following
	waits   map[string]*wait
	queue   []string // those of waits that no batch has yet
	running bool
}

// wait is a text that is being embedded.
type wait struct {
	done      chan struct{}
	embedding []float32
	err       error
}

// mostTexts is the largest number of texts in a batch.
const mostTexts = 16

func newRemembering(e library.Embedder) *remembering {
	return &remembering{Embedder: e, texts: newCache[string, []float32](1000), waits: map[string]*wait{}}
}

// Reads is that of the embedder, if it has one; see library.Embedder.
func (r *remembering) Reads(text string) bool {
	e, ok := r.Embedder.(interface{ Reads(string) bool })
	return ok && e.Reads(text)
}

// TrainModel is that of the embedder, if it has one; see library.Trainer.
func (r *remembering) TrainModel(ctx context.Context, text string, positive, negative []label.Frames, p progress.Func) ([]byte, error) {
	if t, ok := r.Embedder.(library.Trainer); ok {
		return t.TrainModel(ctx, text, positive, negative, p)
	}
	return nil, library.ErrNoTrainer
}

// OpenModel is that of the embedder, if it has one; see library.Trainer.
func (r *remembering) OpenModel(file []byte) (func(context.Context, []label.Frames) ([]float32, error), error) {
	if t, ok := r.Embedder.(library.Trainer); ok {
		return t.OpenModel(file)
	}
	return nil, library.ErrNoTrainer
}

// EncodeTexts is that of the embedder.
func (r *remembering) EncodeTexts(ctx context.Context, texts []string) ([]float32, error) {
	waits := make([]*wait, len(texts))
	for i, t := range texts {
		waits[i] = r.ask(t)
	}
	var out []float32
	for _, w := range waits {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-w.done:
		}
		if w.err != nil {
			return nil, w.err
		}
		out = append(out, w.embedding...)
	}
	return out, nil
}

// ask returns the wait for a text.
func (r *remembering) ask(text string) *wait {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w := r.waits[text]; w != nil {
		return w
	}
	w := &wait{done: make(chan struct{})}
	if x, ok := r.texts.Get(text); ok {
		w.embedding = x
		close(w.done)
		return w
	}
	r.waits[text], r.queue = w, append(r.queue, text)
	if !r.running {
		r.running = true
		go func() {
			defer crash.Recover()
			r.work()
		}()
	}
	return w
}

// work embeds texts until none waits.
func (r *remembering) work() {
	for {
		r.mu.Lock()
		n := min(len(r.queue), mostTexts)
		batch := r.queue[:n:n]
		r.queue = r.queue[n:]
		r.running = n > 0
		r.mu.Unlock()
		if n == 0 {
			return
		}
		r.embed(batch)
	}
}

// embed embeds texts together or, if one of them cannot be embedded, one by one.
func (r *remembering) embed(batch []string) {
	x, err := r.Embedder.EncodeTexts(context.Background(), batch)
	if err != nil && len(batch) > 1 {
		for i := range batch {
			r.embed(batch[i : i+1])
		}
		return
	}
	width := len(x) / len(batch)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, text := range batch {
		w := r.waits[text]
		delete(r.waits, text)
		if w.err = err; err == nil {
			w.embedding = x[i*width:][:width:width]
			r.texts.Add(text, w.embedding)
		}
		close(w.done)
	}
}
