package compute

import "unsafe"

// block is cache-line-aligned memory for floats. Where the operating system allows
// it, the memory is outside the Go heap and must be freed explicitly.
type block struct {
	floats []float32
	pages  []byte // what was mapped; nil for memory of the Go heap
}

// aligned returns a cache-line-aligned slice of n zeroed floats from the Go heap.
func aligned(n int) []float32 {
	s := make([]float32, n+15)
	skip := -uintptr(unsafe.Pointer(unsafe.SliceData(s))) % 64 / 4
	return s[skip : int(skip)+n : int(skip)+n]
}

// strideFor returns the stride of rows with the given number of columns. Rows
// start on cache lines. Strides are never multiples of 512 bytes, because addresses
// that are a multiple of 4 KiB apart compete for the same set of the L1 cache.
func strideFor(cols int) int {
	if cols < 16 {
		return max(cols, 1)
	}
	stride := (cols + 15) &^ 15
	if stride%128 == 0 {
		stride += 16
	}
	return stride
}

// Mark is a position in a device's stack of temporary memory.
type Mark struct{ Chunk, Used int }

func newChunk(n int) *block {
	b := newBlock(n)
	return &b
}

// arena allocates temporary memory from chunks that it keeps, so that only the
// first step of its kind allocates memory.
type arena struct {
	chunks []*block
	at     Mark
}

const chunkFloats = 1 << 20

// alloc returns the chunk and the offset of n floats of undefined content.
func (a *arena) alloc(n int) (b *block, offset int) {
	size := (n + 15) &^ 15
	for a.at.Chunk < len(a.chunks) {
		c := a.chunks[a.at.Chunk]
		if offset = a.at.Used; offset+size <= len(c.floats) {
			a.at.Used += size
			return c, offset
		}
		a.at = Mark{Chunk: a.at.Chunk + 1}
	}
	a.chunks = append(a.chunks, newChunk(max(size, chunkFloats)))
	return a.alloc(n)
}

func (a *arena) mark() Mark { return a.at }

// release frees what was allocated since the mark. When nothing is left, it merges
// all chunks into one; otherwise steps of varying sizes would leave chunks that are
// too small for any later step.
func (a *arena) release(m Mark) {
	a.at = m
	if m != (Mark{}) || len(a.chunks) < 2 {
		return
	}
	total := 0
	for _, c := range a.chunks {
		total += len(c.floats)
	}
	a.free()
	a.chunks = append(a.chunks, newChunk(total))
}

func (a *arena) free() {
	for _, c := range a.chunks {
		c.free()
	}
	a.chunks = a.chunks[:0]
}
