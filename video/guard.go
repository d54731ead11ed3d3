package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/ffmpeg"
)

// guard stops a process that produces nothing for too long while its output is awaited, or
// that uses too much memory. Time in which nothing reads its output does not count.
type guard struct {
	ctx     context.Context // of the process
	cancel  context.CancelCauseFunc
	timer   *time.Timer
	timeout time.Duration
}

// Reasons for which a guard stopped a process.
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

// watch limits the memory of a process and of those that it started.
func (g *guard) watch(pid int) {
	limit := memoryLimit()
	if limit == 0 {
		return
	}
	go func() {
		defer crash.Recover()
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

// reader returns r with the timeout of the guard on each Read.
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

// fault returns why the guard stopped the process, or nil if it did not.
func (g *guard) fault(path string, frames int) error {
	switch context.Cause(g.ctx) {
	case errStalled:
		return &Error{Path: path, Kind: ErrTimeout, Reason: fmt.Sprintf("no output for %v", g.timeout), Frames: frames}
	case errMemory:
		return &Error{Path: path, Kind: ErrTooLarge, Frames: frames,
			Reason: fmt.Sprintf("the decoder used more than %d MiB of memory and was stopped", memoryLimit()>>20)}
	}
	return nil
}
