package compute

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/clipcue/clipcue/internal/crash"
)

// itemFunc executes one item of an operation on worker w of device c.
type itemFunc func(c *CPU, w *worker, item int)

// pool distributes the items of an operation over the calling goroutine and its
// helpers. A helper first spins for a short time, because the next operation
// usually follows at once, and then sleeps. The pool refers to its device only
// during an operation, so an unused device can be garbage-collected, which ends its
// helpers.
type pool struct {
	helpers  []helper
	patience time.Duration // how long to wait in a loop
	c        *CPU
	do       itemFunc
	items    int64
	_        [64]byte
	// state is the operation's number, shifted, with the bit joining while more
	// helpers may join and the number of those that have.
	state atomic.Uint64
	_     [64]byte
	next  atomic.Int64 // first item that is not claimed
	_     [64]byte
	waits atomic.Bool // whether the caller sleeps until the last helper finishes
	wake  chan struct{}
	ended atomic.Bool
}

type helper struct {
	sleeps atomic.Bool
	wake   chan struct{}
	_      [48]byte
}

const (
	joining  = 1 << 31
	joined   = joining - 1
	numbered = 32
)

// newPool starts the helpers for the given number of threads. With more threads
// than processors, helpers do not spin.
func newPool(threads, processors int) *pool {
	p := &pool{helpers: make([]helper, threads-1), wake: make(chan struct{}, 1)}
	if threads <= processors {
		p.patience = 50 * time.Microsecond
	}
	for i := range p.helpers {
		p.helpers[i].wake = make(chan struct{}, 1)
		go p.help(i)
	}
	return p
}

// run executes each of the items 0..items-1 once and returns when all are done.
func (p *pool) run(c *CPU, items int, do itemFunc) {
	defer runtime.KeepAlive(c) // keeps the memory of the items alive
	if len(p.helpers) == 0 || items <= 1 {
		for i := range items {
			do(c, c.workers[0], i)
		}
		return
	}
	p.c, p.do, p.items = c, do, int64(items)
	p.next.Store(0)
	p.state.Store((p.state.Load()>>numbered+1)<<numbered | joining)
	for i := range min(items-1, len(p.helpers)) {
		p.helpers[i].rouse()
	}
	p.claim(0)
	// All items are claimed: stop further helpers from joining.
	for s := p.state.Load(); !p.state.CompareAndSwap(s, s&^joining); s = p.state.Load() {
	}
	if !p.spin(p.idle) {
		p.waits.Store(true)
		if !p.idle() || !p.waits.CompareAndSwap(true, false) {
			<-p.wake
		}
	}
	p.c, p.do = nil, nil
}

func (p *pool) idle() bool { return p.state.Load()&joined == 0 }

func (p *pool) claim(worker int) {
	w := p.c.workers[worker]
	for i := p.next.Add(1) - 1; i < p.items; i = p.next.Add(1) - 1 {
		p.do(p.c, w, int(i))
	}
}

// spin waits in a loop until ready returns true. It returns false if that takes
// longer than the pool's patience.
func (p *pool) spin(ready func() bool) bool {
	if p.patience == 0 {
		return ready()
	}
	begin := time.Now()
	for n := 0; !ready(); n++ {
		pause()
		if n%32 == 31 && time.Since(begin) > p.patience {
			return false
		}
	}
	return true
}

func (p *pool) help(i int) {
	defer crash.Recover()
	h := &p.helpers[i]
	var seen uint64 // the number of the last operation looked at
	news := func() bool { return p.state.Load()>>numbered != seen || p.ended.Load() }
	for {
		if !p.spin(news) {
			h.sleeps.Store(true)
			if !news() || !h.sleeps.CompareAndSwap(true, false) {
				<-h.wake
			}
		}
		if p.ended.Load() {
			return
		}
		s := p.state.Load()
		seen = s >> numbered
		for s&joining != 0 && s>>numbered == seen {
			if p.state.CompareAndSwap(s, s+1) {
				p.claim(i + 1)
				if s = p.state.Add(^uint64(0)); s&(joining|joined) == 0 && p.waits.CompareAndSwap(true, false) {
					p.wake <- struct{}{}
				}
				break
			}
			s = p.state.Load()
		}
	}
}

func (h *helper) rouse() {
	if h.sleeps.CompareAndSwap(true, false) {
		h.wake <- struct{}{}
	}
}

// end makes the helpers return.
func (p *pool) end() {
	p.ended.Store(true)
	for i := range p.helpers {
		p.helpers[i].rouse()
	}
}
