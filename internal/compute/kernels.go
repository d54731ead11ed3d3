package compute

import (
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// kernels holds the inner loops of one instruction set. Each works on one row or one tile;
// the callers handle threads and blocking. The length of a vector kernel is that of the
// slice that it writes.
type kernels struct {
	name string

	// A product is computed in tiles of up to rows × cols, whose width is a multiple of
	// lanes. depth is the maximum number of terms that are summed before the sums of a tile
	// are stored, so that the block of a panel stays in the cache.
	rows, cols, lanes, depth int
	// tiles holds the kernels by width in lanes and by height.
	tiles [][]func(*tile)

	// finish writes c = act(a) + r; activateGrad dx = dy·act'(x).
	finish       [activations]func(*tile)
	activateGrad [activations]func(dx, dy, x []float32)

	softmax       func(y, x []float32, scale float32)      // softmax(scale·x), scale > 0
	softmaxGrad   func(dx, p, dp []float32, scale float32) // scale·p·(dp - Σ p·dp)
	layerNorm     func(y, x, gamma, beta []float32, eps float32)
	layerNormGrad func(dx, dy, x, gamma, stats []float32, eps, keep float32) // dx = keep·dx + …, keep 0 or 1; stats are mean and 1/σ
	normParamGrad func(dgamma, dbeta, dy, x []float32, mean, inverse float32)
	axpy          func(y, x []float32, a float32) // y += a·x
	scale         func(y, x []float32, a float32) // y = a·x
	dot           func(x, y []float32) float64    // lengths are multiples of 16
	adamw         func(p, d, m, v []float32, s *adamw)
	// transpose writes dst[c][r] = src[r][c] for 1..transposed rows.
	transpose  func(dst *float32, ldd uintptr, src *float32, lds uintptr, rows, cols int)
	transposed int
	// depthwise holds the kernels of depthwise convolutions by kernel and stride. Other sizes
	// use plain Go.
	depthwise map[[2]int]func(*depthwise)
	ints      *intKernels
	resample  *resampleKernels
	// peak executes 12 multiply-adds on whole vectors n times; vector is their length.
	peak   func(n int)
	vector int
}

// tile is the argument of the kernels that work on a tile. It is a field of each worker,
// because arguments of functions in a table escape to the heap.
type tile struct {
	a    unsafe.Pointer // rows × k, read in place
	lda  uintptr        // distance between rows in bytes, like the others
	b    unsafe.Pointer // k × panel width
	k    int
	from unsafe.Pointer // initial sums, rows × panel width; nil for zero
	to   unsafe.Pointer // destination of the sums; nil for the epilogue to c
	c    unsafe.Pointer
	ldc  uintptr
	bias unsafe.Pointer // nil for none
	r    unsafe.Pointer // residual, nil for none, may be c
	ldr  uintptr
	next uintptr // address to prefetch; it may be invalid, so it is not a pointer
	cols int
	rows int // read by finish only

	// For integers only: the scales of columns and rows.
	scales, offsets, levels unsafe.Pointer

	alpha float32
}

// intKernels multiply unsigned 8-bit levels of activations by signed 8-bit weights, in groups
// of four bytes along k. The sums are exact, so every instruction set gives the same.
type intKernels struct {
	rows, cols, lanes int // of a tile
	tiles             [][]func(*tile)
	extent            func(lohi, x []float32)                           // minimum and maximum
	quantize          func(q []byte, x []float32, low, inverse float32) // lengths are multiples of 16
	// byteDots writes dst[i] = Σ (row-128)·query for the rows at[i], four at a time;
	// bias is -128·Σ query. The length of rows and query is a multiple of 64.
	byteDots func(dst []int32, rows []byte, at []int32, query []int8, bias int64)
}

// adamw holds the constants of a step of AdamW; root is 1/√(1-β₂^step).
type adamw struct {
	keep1, take1, keep2, take2, decay, rate, root, eps float32
}

// forced is the environment variable that selects the instruction set.
const forced = "CLIPCUE_CPU"

// pick returns the kernels selected by CLIPCUE_CPU, or the fastest that this machine can
// run.
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

// Backend returns the instruction set that devices use: "avx512", "avx2", "neon" or
// "generic". It is an error if CLIPCUE_CPU selects one that the machine lacks.
func Backend() (string, error) {
	k, err := pick()
	if err != nil {
		return "", err
	}
	return k.name, nil
}
