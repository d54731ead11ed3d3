package compute

import (
	"fmt"
	"runtime"
)

// CPU is the [Device] that uses the processor's cores.
type CPU struct {
	kernels *kernels
	threads int
	strip   strip
	pool    *pool
	workers []*worker
	memory  *memory
	job     job
	length  int // of the range that blocks divides
	parts   int
	levels  [3][256]float32 // normalized values of each channel, by byte
}

// memory is what a device must free.
type memory struct {
	arena   arena
	scratch []block // one per worker
}

// worker is the state of one thread.
type worker struct {
	id       int
	memory   *memory
	tile     tile       // argument of the current kernel
	finish   tile       // argument of the kernel that completes a tile
	conv     depthwise  // argument of the kernel of a depthwise convolution
	sums     []float32  // unfinished tiles of a strip
	products [2]product // of a strip of an MLP
	_        [64]byte
}

// job holds the arguments of the current operation, which its items share. Items
// are plain functions, because a closure would allocate memory on every operation.
type job struct {
	product     product
	before      product // of an MLP
	strips      int     // number of parts of the product's rows
	splits      int     // number of parts of each strip's columns
	ints        *intPanels
	y, x, u, v  view
	w           view
	to, from    []int32
	ranges      []Range
	shape       *AttentionShape
	panels      panels
	act         Activation
	adamw       adamw
	eps, scale  float32
	size, patch int
	first       int // rows before the patches
	window      Window
	rgb         []byte
}

// MaxThreads is the maximum number of threads of a device. More are no error.
const MaxThreads = 1 << 10

// NewCPU returns a device with the given number of threads; 0 means GOMAXPROCS. It
// panics if [Backend] returns an error.
func NewCPU(threads int) *CPU {
	return newCPU(threads, must(pick()))
}

// NewBackend returns a device that uses the named instruction set, one of
// [Backends], and the given number of threads; 0 means GOMAXPROCS.
func NewBackend(name string, threads int) (*CPU, error) {
	k, err := named(name)
	if err != nil {
		return nil, fmt.Errorf("compute: no instruction set %q: %w", name, err)
	}
	return newCPU(threads, k), nil
}

func must(k *kernels, err error) *kernels {
	if err != nil {
		panic("compute: " + err.Error())
	}
	return k
}

func newCPU(threads int, k *kernels) *CPU {
	processors := runtime.GOMAXPROCS(0)
	if threads <= 0 {
		threads = processors
	}
	threads = min(threads, MaxThreads)
	c := &CPU{kernels: k, threads: threads, strip: stripFor(l2()), pool: newPool(threads, processors), memory: &memory{scratch: make([]block, threads)}}
	for i := range threads {
		c.workers = append(c.workers, &worker{id: i, memory: c.memory})
	}
	type rest struct {
		pool   *pool
		memory *memory
	}
	runtime.AddCleanup(c, func(r rest) {
		r.pool.end()
		r.memory.arena.free()
		for _, b := range r.memory.scratch {
			b.free()
		}
	}, rest{c.pool, c.memory})
	return c
}

var _ Device = (*CPU)(nil)

// parallel calls do for the items 0..n-1 on the device's workers, which claim
// the next item as they become free.
func (c *CPU) parallel(n int, do itemFunc) { c.pool.run(c, n, do) }

// blocks divides 0..n-1 into equal parts of at least grain and calls do once for
// each; do gets its part from [CPU.part].
func (c *CPU) blocks(n, grain int, do itemFunc) {
	if n == 0 {
		return
	}
	c.length, c.parts = n, min(4*c.threads, (n+grain-1)/grain)
	c.parallel(c.parts, do)
}

// part returns the part of the range that an item of blocks processes.
func (c *CPU) part(item int) (from, to int) {
	return c.length * item / c.parts, c.length * (item + 1) / c.parts
}

// scratch is a worker's temporary memory, allocated from the front.
type scratch struct {
	block *block
	used  int
}

// scratch returns the worker's memory for at least n floats, with undefined content.
func (w *worker) scratch(n int) scratch {
	b := &w.memory.scratch[w.id]
	if len(b.floats) < n {
		b.free()
		*b = newBlock(max(n, 1<<17))
	}
	return scratch{block: b}
}

// floats allocates n floats.
func (s *scratch) floats(n int) []float32 {
	f := s.block.floats[s.used:][:n:n]
	s.used += n
	return f
}

// matrix allocates a matrix; [matrixFloats] is the number of floats it takes.
func (s *scratch) matrix(rows, cols int) view {
	return view{rows, cols, strideFor(cols), s.floats(matrixFloats(rows, cols))}
}

func matrixFloats(rows, cols int) int { return (rows*strideFor(cols) + 15) &^ 15 }

// need panics unless a and b have the same shape.
func need(a, b Matrix) {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		panic(fmt.Sprintf("compute: shapes [%d,%d] and [%d,%d] differ", a.Rows, a.Cols, b.Rows, b.Cols))
	}
}

// grainFor returns the minimum number of rows per item, given the number of columns.
func grainFor(cols int) int { return max(1, 16384/max(cols, 1)) }

func (c *CPU) New(rows, cols int) Matrix {
	stride := strideFor(cols)
	return NewMatrix(rows, cols, stride, &block{floats: aligned(max(rows*stride, 1))})
}

func (c *CPU) Temp(rows, cols int) Matrix {
	stride := strideFor(cols)
	b, at := c.memory.arena.alloc(max(rows*stride, 1))
	return Matrix{Rows: rows, Cols: cols, stride: stride, offset: at, buffer: b}
}

func (c *CPU) Mark() Mark     { return c.memory.arena.mark() }
func (c *CPU) Release(m Mark) { c.memory.arena.release(m) }

func (c *CPU) Upload(dst Matrix, src []float32) {
	if len(src) != dst.Rows*dst.Cols {
		panic(fmt.Sprintf("compute: upload of %d values to [%d,%d]", len(src), dst.Rows, dst.Cols))
	}
	for to, i := dst.open(), 0; i < to.Rows; i++ {
		copy(to.row(i), src[i*dst.Cols:])
	}
	runtime.KeepAlive(c) // keeps the memory alive
}

func (c *CPU) Download(dst []float32, src Matrix) {
	if len(dst) != src.Rows*src.Cols {
		panic(fmt.Sprintf("compute: download of [%d,%d] to %d values", src.Rows, src.Cols, len(dst)))
	}
	for from, i := src.open(), 0; i < from.Rows; i++ {
		copy(dst[i*src.Cols:], from.row(i))
	}
	runtime.KeepAlive(c)
}
