package encode

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
)

const (
	batchSize = 8                    // at most; larger ones are not faster
	patience  = 5 * time.Millisecond // for requests that are being read
	queueSize = 256
)

// batcher encodes the items of several requests together. While a batch is encoded, the next
// one gathers; it waits only if other requests are about to add to it.
type batcher[T any] struct {
	encode func([]T) ([]float32, error)
	queue  chan *job[T]
	coming atomic.Int32 // requests whose item is being prepared
	sizes  prometheus.Observer
}

// job is an item of a request.
type job[T any] struct {
	ctx       context.Context // of the request
	item      T
	done      chan struct{} // closed when the following are set
	embedding []float32
	err       error
}

func newBatcher[T any](encode func([]T) ([]float32, error), sizes prometheus.Observer) *batcher[T] {
	b := &batcher[T]{encode: encode, queue: make(chan *job[T], queueSize), sizes: sizes}
	go func() {
		defer crash.Recover()
		for first := range b.queue {
			b.run(b.gather(first))
		}
	}()
	return b
}

// close ends the batcher. Nobody may be using it.
func (b *batcher[T]) close() {
	if b != nil {
		close(b.queue)
	}
}

// do prepares an item and returns its embedding, which has length 1.
func (b *batcher[T]) do(ctx context.Context, prepare func() (T, error)) ([]float32, error) {
	j := &job[T]{ctx: ctx, done: make(chan struct{})}
	b.coming.Add(1)
	var err error
	if j.item, err = prepare(); err == nil {
		select {
		case b.queue <- j:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
	}
	b.coming.Add(-1)
	if err != nil {
		return nil, err
	}
	select {
	case <-j.done:
		return j.embedding, j.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// gather returns a batch that begins with a job.
func (b *batcher[T]) gather(first *job[T]) []*job[T] {
	batch, late := []*job[T]{first}, (<-chan time.Time)(nil)
	for len(batch) < batchSize {
		if len(b.queue) == 0 && b.coming.Load() == 0 {
			return batch
		}
		if late == nil {
			late = time.After(patience)
		}
		select {
		case j, open := <-b.queue:
			if !open {
				return batch
			}
			batch = append(batch, j)
		case <-late:
			return batch
		}
	}
	return batch
}

// run encodes a batch, without the jobs whose requests have ended.
func (b *batcher[T]) run(batch []*job[T]) {
	var items []T
	var wanted []*job[T]
	for _, j := range batch {
		if j.ctx.Err() == nil {
			items, wanted = append(items, j.item), append(wanted, j)
		}
	}
	if len(items) == 0 {
		return
	}
	b.sizes.Observe(float64(len(items)))
	out, err := b.encode(items)
	width := len(out) / len(items)
	clip.Normalize(out, width)
	for i, j := range wanted {
		if j.err = err; err == nil {
			j.embedding = out[i*width:][:width:width]
		}
		close(j.done)
	}
}
