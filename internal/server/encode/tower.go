package encode

import (
	"context"
	"runtime/debug"
	"time"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/internal/crash"
)

// key identifies a tower.
type key struct {
	model string
	kind  clip.Tower
}

// tower is one tower of a model, or one that is being loaded.
type tower struct {
	ready chan struct{} // closed when the following are set
	model *clip.Model
	err   error
	image *batcher[[]byte]
	text  *batcher[[]int]

	users int
	idle  time.Time // since when it has no users
}

// maxTowers is the largest number of towers in memory. Immich uses two.
const maxTowers = 4

// acquire returns a tower of the model of a name, which is loaded if it is not in memory. Others wait for the same
// load, which continues when a request ends. release must be called when err is nil.
func (e *Encoder) acquire(ctx context.Context, name string, kind clip.Tower) (*tower, func(), error) {
	model, err := e.o.Find(name)
	if err != nil {
		return nil, nil, err
	}
	k := key{model: model, kind: kind}
	t, err := e.use(k)
	if err != nil {
		return nil, nil, err
	}
	release := func() { e.release(k, t) }
	select {
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-t.ready:
		err = t.err
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return t, release, nil
}

// use counts one user more of a tower, and starts its load if it is not in memory.
func (e *Encoder) use(k key) (*tower, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := e.towers[k]
	if t == nil {
		if !e.makeRoom() {
			return nil, ErrBusy
		}
		t = &tower{ready: make(chan struct{})}
		e.towers[k] = t
		t.users++ // that of the load
		e.loads.Go(func() {
			defer crash.Recover()
			e.load(k, t)
		})
	}
	t.users++
	return t, nil
}

// load loads a tower. One that cannot be loaded is forgotten, so that the next request tries again.
func (e *Encoder) load(k key, t *tower) {
	start := time.Now()
	defer e.release(k, t)
	t.model, t.err = e.o.Load(e.ctx, k.model, k.kind)
	switch {
	case t.err != nil:
		e.mu.Lock()
		delete(e.towers, k)
		e.mu.Unlock()
	case k.kind == clip.ImageTower:
		t.image = newBatcher(func(images [][]byte) ([]float32, error) { return encodeImages(t.model, images) }, e.metrics.batch.WithLabelValues("image"))
	default:
		t.text = newBatcher(func(texts [][]int) ([]float32, error) { return t.model.EncodeTokens(context.Background(), texts) }, e.metrics.batch.WithLabelValues("text"))
	}
	close(t.ready)
	if t.err == nil {
		e.metrics.loaded.Inc()
		e.o.Log.Info("loaded a model", "model", k.model, "tower", kinds[k.kind], "ms", time.Since(start).Milliseconds())
	}
}

var kinds = map[clip.Tower]string{clip.ImageTower: "image", clip.TextTower: "text"}

// release ends the use of a tower.
func (e *Encoder) release(k key, t *tower) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if t.users--; t.users == 0 {
		t.idle = time.Now()
		time.AfterFunc(e.o.Idle, func() { e.expire(k, t) })
	}
}

// expire unloads a tower that was idle for long enough.
func (e *Encoder) expire(k key, t *tower) {
	e.mu.Lock()
	unload := e.towers[k] == t && t.users == 0 && time.Since(t.idle) >= e.o.Idle
	if unload {
		e.drop(k, t)
	}
	e.mu.Unlock()
	if unload {
		debug.FreeOSMemory()
	}
}

// drop removes a tower from memory.
func (e *Encoder) drop(k key, t *tower) {
	delete(e.towers, k)
	t.image.close()
	t.text.close()
	e.metrics.loaded.Dec()
	e.o.Log.Info("unloaded a model", "model", k.model, "tower", kinds[k.kind])
}

// makeRoom unloads the tower that was idle for the longest time if there are too many. It
// reports whether another may be loaded.
func (e *Encoder) makeRoom() bool {
	if len(e.towers) < maxTowers {
		return true
	}
	var oldest key
	var found *tower
	for k, t := range e.towers {
		if t.users == 0 && (found == nil || t.idle.Before(found.idle)) {
			oldest, found = k, t
		}
	}
	if found != nil {
		e.drop(oldest, found)
	}
	return found != nil
}
