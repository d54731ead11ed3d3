package compute

import (
	"runtime"
	"testing"
	"time"
)

// Every item is executed exactly once, even if helpers arrive late or sleep.
func TestEveryItemOnce(t *testing.T) {
	for _, threads := range []int{1, 2, 4} {
		c := newCPU(threads, generic)
		for round := range 3000 {
			n := round % 9
			c.job = job{size: n, from: make([]int32, n)}
			c.parallel(n, func(c *CPU, _ *worker, item int) { c.job.from[item]++ })
			for i, times := range c.job.from {
				if times != 1 {
					t.Fatalf("%d threads, %d items: item %d was done %d times", threads, n, i, times)
				}
			}
			if round%1000 == 0 {
				time.Sleep(time.Millisecond) // helpers fall asleep
			}
		}
	}
}

// The helpers of an unused device end.
func TestDevicesEndTheirHelpers(t *testing.T) {
	collect := func(most int) int {
		n := 0
		for range 100 {
			runtime.GC()
			time.Sleep(time.Millisecond)
			if n = runtime.NumGoroutine(); n <= most {
				break
			}
		}
		return n
	}
	before := collect(2)
	for range 20 {
		c := newCPU(4, generic)
		m := c.Temp(100, 100)
		c.Zero(m)
		c.Add(m, m)
	}
	if after := collect(before); after > before {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

// A number of threads that no machine has does not allocate by its value.
func TestThreadsHaveALimit(t *testing.T) {
	c := newCPU(1<<40, generic)
	if got := len(c.workers); got != MaxThreads {
		t.Errorf("%d threads", got)
	}
}
