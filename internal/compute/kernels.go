package compute

import (
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// kernels are the inner loops of one instruction set. All of them work on one
// row or on one tile; threads and blocking are the callers' business. Vector
// kernels take their length from the slice that they write.
type kernels struct {
	name string

	// The product is made in tiles of up to rows × cols; lanes is how finely a
	// tile's width can be chosen. depth is the most that is summed before a
	// tile's sums are put aside, so that a panel's part stays in the cache.
	rows, cols, lanes, depth int
	// tiles are by width in lanes and by height.
	tiles [][]func(*tile)

	// finish writes c = act(a) + r; activateGrad dx = dy·act'(x).
	finish       [3]func(*tile)
	activateGrad [3]func(dx, dy, x []float32)

	softmax       func(y, x []float32, scale float32)      // softmax(scale·x), scale > 0
	softmaxGrad   func(dx, p, dp []float32, scale float32) // scale·p·(dp - Σ p·dp)
	layerNorm     func(y, x, gamma, beta []float32, eps float32)
	layerNormGrad func(dx, dy, x, gamma, stats []float32, eps, keep float32) // dx = keep·dx + …, keep 0 or 1; stats are mean and 1/σ
	normParamGrad func(dgamma, dbeta, dy, x []float32, mean, inverse float32)
	axpy          func(y, x []float32, a float32) // y += a·x
	scale         func(y, x []float32, a float32) // y = a·x
	dot           func(x, y []float32) float64    // of whole groups of 16
	adamw         func(p, d, m, v []float32, s *adamw)
	// transpose writes dst[c][r] = src[r][c] for 1..transposed rows.
	transpose  func(dst *float32, ldd uintptr, src *float32, lds uintptr, rows, cols int)
	transposed int
	ints       *intKernels
	resample   *resampleKernels
	// peak does 12 multiply-adds on whole vectors of so many elements n times.
	peak   func(n int)
	vector int
}

// tile is the argument of the kernels that work on a tile: it is a field of each
// worker, because what is passed through a function table lives on the heap.
type tile struct {
	a    unsafe.Pointer // rows × k, read in place
	lda  uintptr        // bytes from row to row, like the others
	b    unsafe.Pointer // k × panel width
	k    int
	from unsafe.Pointer // sums to begin with, rows × panel width; nil for zero
	to   unsafe.Pointer // where to put the bare sums; nil for the epilogue to c
	c    unsafe.Pointer
	ldc  uintptr
	bias unsafe.Pointer // nil for none
	r    unsafe.Pointer // residual, nil for none, may be c
	ldr  uintptr
	next uintptr // what to fetch meanwhile; it may point anywhere, so it is no pointer
	cols int
	rows int // read by finish only

	// For integers only: what the levels of columns and rows stand for.
	scales, offsets, levels unsafe.Pointer

	alpha float32
}

// intKernels multiply small integers: unsigned 8-bit levels of activations by
// signed 8-bit weights, as many along k in four bytes as group says. Their sums
// are exact, so that they are the same with every instruction set.
type intKernels struct {
	cols, lanes int // of a tile; it is as high as one of floats
	group       int // 4 bytes or 2 numbers of 16 bits
	tiles       [][]func(*tile)
	extent      func(lohi, x []float32)                           // least and greatest
	quantize    func(q []byte, x []float32, low, inverse float32) // of whole groups of 16
	// byteDots writes dst[i] = Σ (row-128)·query for the rows at[i], fours of them;
	// bias is -128·Σ query. Rows are as long as the query, which is whole 64s.
	byteDots func(dst []int32, rows []byte, at []int32, query []int8, bias int64)
}

// adamw are the constants of a step of AdamW; root is 1/√(1-β₂^step).
type adamw struct {
	keep1, take1, keep2, take2, decay, rate, root, eps float32
}

// forced names the environment variable that picks the instruction set.
const forced = "CLIPCUE_CPU"

// pick returns the kernels named by CLIPCUE_CPU, or the fastest that this machine
// can run.
func pick() (*kernels, error) {
	name := os.Getenv(forced)
	if name == "" {
		all := available()
		return all[len(all)-1], nil
	}
	k, err := named(name)
	if err != nil {
		return nil, fmt.Errorf("%s=%s: %w", forced, name, err)
	}
	return k, nil
}

func named(name string) (*kernels, error) {
	for _, k := range available() {
		if k.name == name {
			return k, nil
		}
	}
	return nil, fmt.Errorf("this machine has %s", strings.Join(Backends(), ", "))
}

// Backends returns the names of the instruction sets that this machine can run,
// slowest first.
func Backends() []string {
	var names []string
	for _, k := range available() {
		names = append(names, k.name)
	}
	return names
}

// Backend names the instruction set that devices use: "avx512", "avx2", "neon"
// or "generic". It fails if CLIPCUE_CPU asks for one that the machine lacks.
func Backend() (string, error) {
	k, err := pick()
	if err != nil {
		return "", err
	}
	return k.name, nil
}
