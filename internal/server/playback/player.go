package playback

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/video"
)

// Options configure a [Player]. The zero value is usable.
type Options struct {
	Dir     string        // parent of the cache; "" = the user's folder for caches
	Bytes   int64         // size of the cache; 0 = 2 GiB
	Jobs    int           // conversions at a time; 0 = half of the cores
	Timeout time.Duration // of a conversion; 0 = 2 minutes
}

// Player plays videos. Its methods may be called from several goroutines.
type Player struct {
	timeout         time.Duration
	convert, frames *semaphore.Weighted // limit the processes for each kind of work
	stop            context.Context
	cancel          context.CancelFunc
	running         sync.WaitGroup

	mu     sync.Mutex
	cache  *cache
	making map[string]*making
	infos  map[file]*video.Info
}

// file is a version of a file.
type file struct {
	path     string
	size     int64
	modified time.Time
}

// making is a file that is being made.
type making struct {
	done    chan struct{}
	err     error
	waiting int // requests
	cancel  context.CancelFunc
}

// Errors of playback, next to those of package video.
var (
	errGone = errors.New("the video is not at its place")
	errSlow = errors.New("the conversion took too long and was stopped")
	errBusy = errors.New("too many conversions are running")
)

const patience = 3 * time.Second // for which a conversion waits for its turn

// New returns a player with an empty cache.
func New(o Options) (*Player, error) {
	parent := o.Dir
	if parent == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			base = os.TempDir()
		}
		parent = filepath.Join(base, "clipcue")
	}
	c, err := newCache(parent, cmp.Or(o.Bytes, 2<<30))
	if err != nil {
		return nil, err
	}
	jobs := int64(cmp.Or(o.Jobs, max(1, runtime.GOMAXPROCS(0)/2)))
	p := &Player{timeout: cmp.Or(o.Timeout, 2*time.Minute), cache: c, making: map[string]*making{}, infos: map[file]*video.Info{},
		convert: semaphore.NewWeighted(jobs), frames: semaphore.NewWeighted(jobs)}
	p.stop, p.cancel = context.WithCancel(context.Background())
	return p, nil
}

// Close stops all conversions and removes the cache.
func (p *Player) Close() error {
	p.cancel()
	p.running.Wait()
	return p.cache.close()
}

// stat returns the version of a video's file.
func stat(path string) (file, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return file{}, errGone
	case err != nil:
		return file{}, err
	case !info.Mode().IsRegular():
		return file{}, &fs.PathError{Op: "open", Path: path, Err: input.ErrNotRegular}
	}
	return file{path, info.Size(), info.ModTime()}, nil
}

// Info returns the headers of a video.
func (p *Player) Info(ctx context.Context, path string) (*video.Info, error) {
	f, err := stat(path)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	known := p.infos[f]
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, errSlow)
	defer cancel()
	info, err := video.Probe(ctx, path, video.Options{})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.infos) >= maxInfos {
		clear(p.infos)
	}
	p.infos[f] = info
	return info, nil
}

const maxInfos = 10_000

// Playable reports whether browsers can play the file of a video as it is.
func (p *Player) Playable(ctx context.Context, path string) bool {
	info, err := p.Info(ctx, path)
	return err == nil && info.BrowserType() != ""
}

// key identifies what is made of a video.
func (f file) key(kind string, times ...float64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%d\x00%s\x00%v", f.path, f.size, f.modified.UnixNano(), kind, times))
	return hex.EncodeToString(sum[:16])
}

// get returns a file from the cache, or makes it. Several requests for one file wait for the
// same process. It is killed when none of them waits anymore.
func (p *Player) get(ctx context.Context, key string, turn *semaphore.Weighted, build func(ctx context.Context, to string) error) (*os.File, error) {
	for {
		p.mu.Lock()
		if f := p.cache.open(key); f != nil {
			p.mu.Unlock()
			return f, nil
		}
		m := p.making[key]
		if m == nil {
			m = p.start(key, turn, build)
		}
		m.waiting++
		p.mu.Unlock()
		select {
		case <-m.done:
		case <-ctx.Done():
		}
		p.mu.Lock()
		if m.waiting--; m.waiting == 0 {
			m.cancel()
			if p.making[key] == m { // another request must not wait for a process that ends
				delete(p.making, key)
			}
		}
		p.mu.Unlock()
		if err := ctx.Err(); err != nil {
			return nil, context.Cause(ctx)
		}
		if m.err != nil {
			return nil, m.err
		}
	}
}

// start makes a file in the background. The caller holds the lock.
func (p *Player) start(key string, turn *semaphore.Weighted, build func(ctx context.Context, to string) error) *making {
	ctx, cancel := context.WithCancel(p.stop)
	m := &making{done: make(chan struct{}), cancel: cancel}
	p.making[key] = m
	p.running.Go(func() {
		defer crash.Recover()
		defer close(m.done)
		m.err = p.inTurn(ctx, turn, func(ctx context.Context) error { return build(ctx, p.cache.path(key)) })
		p.mu.Lock()
		defer p.mu.Unlock()
		if m.err == nil {
			m.err = p.cache.add(key)
		}
		if p.making[key] == m {
			delete(p.making, key)
		}
	})
	return m
}

// inTurn calls do when a process may run, and limits its time.
func (p *Player) inTurn(ctx context.Context, turn *semaphore.Weighted, do func(context.Context) error) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := turn.Acquire(waiting, 1); err != nil {
		return cmp.Or(ctx.Err(), errBusy)
	}
	defer turn.Release(1)
	ctx, stop := context.WithTimeoutCause(ctx, p.timeout, errSlow)
	defer stop()
	return do(ctx)
}
