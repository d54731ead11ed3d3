package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// guard ends a process that gives nothing for too long while it is waited for,
// or that takes too much memory. Time in which nobody waits does not count.
type guard struct {
	ctx     context.Context // of the process
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
}

// Why a guard ended a process.
var (
	errStalled = errors.New("stalled")
	errMemory  = errors.New("memory")
)

var memoryLimit = ffmpeg.MemoryLimit // a variable for tests

func newGuard(ctx context.Context, timeout time.Duration) *guard {
	g := &guard{timeout: timeout}
	g.ctx, g.cancel = context.WithCancelCause(ctx)
	g.timer = time.AfterFunc(timeout, func() { g.cancel(errStalled) })
	g.timer.Stop()
	return g
}

func (g *guard) arm()    { g.timer.Reset(g.timeout) }
func (g *guard) disarm() { g.timer.Stop() }

func (g *guard) stop() {
	g.timer.Stop()
	g.cancel(nil)
}

// watch looks after the memory of a process and what it started.
func (g *guard) watch(pid int) {
	limit := memoryLimit()
	if limit == 0 {
		return
	}
	go func() {
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-g.ctx.Done():
				return
			case <-tick.C:
				if ffmpeg.Memory(pid) > limit {
					g.cancel(errMemory)
				}
			}
		}
	}()
}

// reader is r, for whose bytes the guard waits.
func (g *guard) reader(r io.Reader) io.Reader { return guarded{g, r} }

type guarded struct {
	*guard
	r io.Reader
}

func (g guarded) Read(p []byte) (int, error) {
	g.arm()
	defer g.disarm()
	return g.r.Read(p)
}

// fault is what the guard had to do, nil for nothing.
func (g *guard) fault(path string, frames int) error {
	switch context.Cause(g.ctx) {
	case errStalled:
		return &Error{Path: path, Kind: ErrTimeout, Reason: fmt.Sprintf("nothing came for %v", g.timeout), Frames: frames}
	case errMemory:
		return &Error{Path: path, Kind: ErrTooLarge, Frames: frames,
			Reason: fmt.Sprintf("the decoder took more than %d MiB of memory and was stopped", memoryLimit()>>20)}
	}
	return nil
}
