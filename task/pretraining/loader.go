package pretraining

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/task/internal/loop"
	"github.com/clipcue/clipcue/video"
)

// loader reads batches in advance, on all cores. The content of a batch follows from the
// seed, the step number and which images can be read: an unreadable one is replaced by
// another.
type loader struct {
	config    Config
	pairs     Pairs
	tokenizer clip.Tokenizer
	log       *slog.Logger

	order loop.Order // of the pairs

	ready, free chan *batch
	slots       chan slot
	quit        chan struct{}
	running     sync.WaitGroup

	mu     sync.Mutex
	failed map[int]error
	cut    bool // whether a truncated caption was reported
}

// batch is the pairs of one step.
type batch struct {
	step     int
	index    []int  // of each pair
	rgb      []byte // pictures [n,S,S,3], one after the other
	ids      [][]int
	captions []string
	errs     []error
	filled   sync.WaitGroup
}

type slot struct {
	batch *batch
	at    int
}

// ahead is the number of batches that are read in advance.
const ahead = 2

func newLoader(c Config, p Pairs, t clip.Tokenizer, log *slog.Logger) *loader {
	return &loader{config: c, pairs: p, tokenizer: t, log: log, order: loop.Order{Seed: c.Train.Seed, N: p.Len()}, failed: map[int]error{}}
}

// next returns the batch of a step, which the caller returns with done. Steps must be
// consecutive.
func (l *loader) next(step int) (*batch, error) {
	if l.quit == nil {
		l.start(step)
	}
	b := <-l.ready
	b.filled.Wait()
	if b.step != step {
		panic(fmt.Sprintf("pretraining: batch of step %d requested, but that of step %d is next", step, b.step))
	}
	for _, err := range b.errs {
		if err != nil {
			l.done(b)
			return nil, err
		}
	}
	return b, nil
}

func (l *loader) done(b *batch) { l.free <- b }

func (l *loader) start(first int) {
	n, side := l.config.Batch, l.config.Model.ImageSize
	l.ready, l.free = make(chan *batch, ahead+1), make(chan *batch, ahead+1)
	l.slots, l.quit = make(chan slot), make(chan struct{})
	for range ahead + 1 {
		l.free <- &batch{index: make([]int, n), rgb: make([]byte, n*3*side*side),
			ids: make([][]int, n), captions: make([]string, n), errs: make([]error, n)}
	}
	l.running.Go(func() {
		defer crash.Recover()
		l.produce(first)
	})
	for range runtime.GOMAXPROCS(0) {
		l.running.Go(func() {
			defer crash.Recover()
			var r video.Resizer
			for s := range l.slots {
				s.batch.errs[s.at] = l.fill(s.batch, s.at, &r)
				s.batch.filled.Done()
			}
		})
	}
}

// stop ends the goroutines that start started.
func (l *loader) stop() {
	if l.quit != nil {
		close(l.quit)
		l.running.Wait()
	}
}

// produce sends the slots of the batches, starting at a step.
func (l *loader) produce(step int) {
	defer close(l.slots)
	for ; ; step++ {
		select {
		case <-l.quit:
			return
		case b := <-l.free:
			b.step = step
			b.filled.Add(l.config.Batch)
			l.ready <- b // never blocks: the capacity is the number of batches
			index := l.order.Batch(step, l.config.Batch)
			for i := range index {
				b.index[i] = index[i]
				select {
				case l.slots <- slot{b, i}:
				case <-l.quit:
					return
				}
			}
		}
	}
}

// attempts is the maximum number of images that are tried for one slot of a batch.
const attempts = 64

// fill reads the pair for a slot of the batch.
func (l *loader) fill(b *batch, at int, r *video.Resizer) error {
	k := b.step*l.config.Batch + at
	var err error
	for try := range uint64(attempts) {
		// Every attempt has its own random numbers, independent of earlier attempts.
		rng := rand.New(rand.NewPCG(l.config.Train.Seed+try, uint64(k)<<1|1))
		if try > 0 {
			b.index[at] = rng.IntN(l.pairs.Len())
		}
		i := b.index[at]
		// An unreadable pair is not tried again, because each try may take long.
		if err = l.failure(i); err == nil {
			err = l.take(b, at, i, rng, r)
		}
		if err == nil {
			return nil
		}
		l.fail(i, err)
	}
	return fmt.Errorf("%d images in a row cannot be read, %d of %d so far; last error: %w", attempts, l.failures(), l.pairs.Len(), err)
}

func (l *loader) take(b *batch, at, i int, rng *rand.Rand, r *video.Resizer) error {
	p, err := l.pairs.Pair(i)
	if err != nil {
		return err
	}
	picture, err := augment(p, l.config, rng, r)
	if err != nil {
		return err
	}
	each := len(picture.Pix)
	copy(b.rgb[at*each:(at+1)*each], picture.Pix)
	b.captions[at] = p.Caption
	b.ids[at], err = l.tokenizer.Tokenize(p.Caption, l.config.Model.Context, false)
	if err != nil {
		l.reportTruncation(i)
		b.ids[at], err = l.tokenizer.Tokenize(p.Caption, l.config.Model.Context, true)
	}
	return err
}

// fail reports a pair that cannot be read, once.
func (l *loader) fail(i int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed[i] == nil {
		l.failed[i] = err
		l.log.Warn("skipped", "pair", l.pairs.Name(i), "reason", err)
	}
}

// failure returns the error of a pair that could not be read.
func (l *loader) failure(i int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed[i]
}

func (l *loader) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.failed)
}

// reportTruncation reports once that captions are truncated, as in CLIP's training.
func (l *loader) reportTruncation(i int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		l.cut = true
		l.log.Warn("captions with more tokens than the context of the model are truncated", "pair", l.pairs.Name(i), "context", l.config.Model.Context)
	}
}
