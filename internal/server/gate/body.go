package gate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// Times within which a body must arrive.
const (
	bodyTime  = 15 * time.Second // at least
	bodyRate  = 64 << 10         // bytes per second, of a larger one
	stallTime = 15 * time.Second
)

// Timed returns a body that must arrive within least and more time for its size in bytes, and without
// long pauses. The limit ends with the body, because handlers may work longer.
func Timed(w http.ResponseWriter, r io.ReadCloser, size int64, least time.Duration) io.ReadCloser {
	return &timed{r, http.NewResponseController(w), least + time.Duration(size)*time.Second/bodyRate, min(least, stallTime)}
}

type timed struct {
	io.ReadCloser
	control *http.ResponseController
	left    time.Duration // for all reads
	stall   time.Duration // for each
}

func (t *timed) Read(p []byte) (int, error) {
	start := time.Now()
	_ = t.control.SetReadDeadline(start.Add(min(t.left, t.stall)))
	n, err := t.ReadCloser.Read(p)
	t.left -= time.Since(start)
	if err == io.EOF {
		_ = t.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

// BodyStatus returns the status for an error of reading a body.
func BodyStatus(err error) int {
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return http.StatusRequestEntityTooLarge
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return http.StatusRequestTimeout
	}
	return http.StatusBadRequest
}

const (
	maxBodies = 192 << 20 // bytes of all bodies that have arrived, besides the reserve
	bodyPart  = 256 << 10 // bytes that are taken at a time
)

// budget is the memory for bodies. Several bodies that each have a part could wait for each other;
// the reserve of MaxBody bytes lets one of them arrive completely.
type budget struct {
	mu       sync.Mutex
	free     int64
	reserved bool          // a body has the reserve
	changed  chan struct{} // closed when there is more
}

func newBudget() *budget { return &budget{free: maxBodies, changed: make(chan struct{})} }

// take waits for n bytes, or for the reserve.
func (b *budget) take(ctx context.Context, n int64) (reserve bool, err error) {
	for {
		b.mu.Lock()
		enough, reserve, changed := b.free >= n, b.free < n && !b.reserved, b.changed
		if enough {
			b.free -= n
		} else if reserve {
			b.reserved = true
		}
		b.mu.Unlock()
		if enough || reserve {
			return reserve, nil
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-changed:
		}
	}
}

// give returns what a body has taken.
func (b *budget) give(n int64, reserve bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.free += n
	b.reserved = b.reserved && !reserve
	close(b.changed)
	b.changed = make(chan struct{})
}

// counted is a body that takes memory from a budget as it arrives.
type counted struct {
	io.ReadCloser
	ctx    context.Context // of the request
	budget *budget

	left    int64 // bytes that are to come, at most
	taken   int64 // of the budget
	unused  int64 // of these
	reserve bool  // the body has the reserve
}

func (c *counted) Read(p []byte) (int, error) {
	if c.unused == 0 && c.left > 0 && !c.reserve {
		n := min(bodyPart, c.left)
		reserve, err := c.budget.take(c.ctx, n)
		if err != nil {
			return 0, err
		}
		if c.reserve = reserve; !reserve {
			c.taken, c.unused = c.taken+n, n
		}
	}
	if !c.reserve && c.left > 0 {
		p = p[:min(int64(len(p)), c.unused)]
	}
	n, err := c.ReadCloser.Read(p)
	c.left -= int64(n)
	c.unused = max(0, c.unused-int64(n))
	return n, err
}

func (c *counted) release() { c.budget.give(c.taken, c.reserve) }
