package compute

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
)

// CPU is the [Device] on the machine's own cores.
type CPU struct {
	threads int
	arena   arena
	scratch [][]float32 // one a worker, grown on demand
}

// NewCPU returns a device that uses so many threads; 0 means GOMAXPROCS.
func NewCPU(threads int) *CPU {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	return &CPU{threads: threads, scratch: make([][]float32, threads)}
}

var _ Device = (*CPU)(nil)

// parallel calls f for the items 0..n-1 on the device's workers, which claim
// the next item as they become free.
func (c *CPU) parallel(n int, f func(worker, item int)) {
	workers := min(c.threads, n)
	if workers <= 1 {
		for i := range n {
			f(0, i)
		}
		return
	}
	var next atomic.Int64
	run := func(worker int) {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(worker, i)
		}
	}
	var wg sync.WaitGroup
	for w := 1; w < workers; w++ {
		wg.Go(func() { run(w) })
	}
	run(0)
	wg.Wait()
}

// blocks calls f for even parts of 0..n-1, of at least grain each.
func (c *CPU) blocks(n, grain int, f func(worker, from, to int)) {
	if n == 0 {
		return
	}
	parts := min(4*c.threads, (n+grain-1)/grain)
	c.parallel(parts, func(w, i int) { f(w, n*i/parts, n*(i+1)/parts) })
}

// buffer is worker's scratch memory of at least n floats, of undefined content.
func (c *CPU) buffer(worker, n int) []float32 {
	if len(c.scratch[worker]) < n {
		c.scratch[worker] = make([]float32, n)
	}
	return c.scratch[worker][:n]
}

func (m Matrix) row(i int) []float32 {
	at := i * m.stride
	return m.data[at : at+m.Cols : at+m.Cols]
}

// need panics unless a and b have the same shape.
func need(a, b Matrix) {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		panic(fmt.Sprintf("compute: shapes [%d,%d] and [%d,%d] differ", a.Rows, a.Cols, b.Rows, b.Cols))
	}
}

// grainFor is how many rows of so many columns are worth a worker's while.
func grainFor(cols int) int { return max(1, 4096/max(cols, 1)) }

func (c *CPU) New(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, stride: cols, data: make([]float32, max(rows*cols, 1))}
}

func (c *CPU) Temp(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, stride: cols, data: c.arena.alloc(max(rows*cols, 1))}
}

func (c *CPU) Mark() Mark     { return c.arena.mark() }
func (c *CPU) Release(m Mark) { c.arena.release(m) }

func (c *CPU) Upload(dst Matrix, src []float32) {
	if len(src) != dst.Rows*dst.Cols {
		panic(fmt.Sprintf("compute: upload of %d values to [%d,%d]", len(src), dst.Rows, dst.Cols))
	}
	for i := range dst.Rows {
		copy(dst.row(i), src[i*dst.Cols:])
	}
}

func (c *CPU) Download(dst []float32, src Matrix) {
	if len(dst) != src.Rows*src.Cols {
		panic(fmt.Sprintf("compute: download of [%d,%d] to %d values", src.Rows, src.Cols, len(dst)))
	}
	for i := range src.Rows {
		copy(dst[i*src.Cols:], src.row(i))
	}
}

func (c *CPU) Copy(dst, src Matrix) {
	need(dst, src)
	for i := range dst.Rows {
		copy(dst.row(i), src.row(i))
	}
}

func (c *CPU) Zero(dst Matrix) {
	for i := range dst.Rows {
		clear(dst.row(i))
	}
}
