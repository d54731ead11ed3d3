package compute

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// Filter is a linear filter of bytes along one axis, with 22-bit fixed-point
// weights. Output i is the weighted sum of Taps inputs starting at First[i]. Outputs
// with fewer inputs are padded with zero weights.
type Filter struct {
	First   []int32
	Weights []int32 // Taps for each output
	Taps    int
}

// resampleKernels are the inner loops of a Resampler. Sums start at one half, for
// rounding, and must fit in 32 bits.
type resampleKernels struct {
	// pack writes pixel i of two rows, three bytes each, to dst[i]: that of a in the
	// lower half, that of b in the upper. It may do fewer and returns how many.
	pack func(dst []uint64, a, b []byte) int
	// across filters packed rows into n pixels of two; it writes a byte more.
	across func(a, b *byte, packed *uint64, first, weights *int32, taps, n int)
	// down filters rows, stride bytes apart, into n bytes, rounded up to a multiple of Padding.
	down func(dst, src *byte, stride uintptr, weights *int32, taps, n int)
}

const (
	// FilterBits is the number of fractional bits of a weight.
	FilterBits = 22

	// Padding is the number of bytes after a row that the kernels may read and write.
	Padding = 32

	pixelHalf = 1 << (FilterBits - 1)
)

// Stride returns the distance in bytes between rows of the given size in the memory
// that Horizontal writes and Vertical reads.
func Stride(row int) int { return row + Padding }

// Resampler filters images of three bytes per pixel, with 8-bit results that equal
// PIL's. Only one goroutine may use it at a time.
type Resampler struct {
	k      *resampleKernels
	packed []uint64
}

// NewResampler returns a Resampler that uses the same instruction set as [NewCPU].
func NewResampler() *Resampler { return &Resampler{k: must(pick()).resample} }

// Horizontal filters the rows of src, width pixels each, one after the other, along
// themselves into dst: a row of len(f.First) pixels every Stride.
func (p *Resampler) Horizontal(dst, src []byte, width int, f *Filter) {
	n := len(f.First)
	stride := Stride(3 * n)
	rows := len(src) / (3 * width)
	if need := width + f.Taps; len(p.packed) < need {
		p.packed = make([]uint64, need)
	}
	f.check(len(p.packed))
	_ = dst[:rows*stride]
	for y := 0; y < rows; y += 2 {
		z := min(y+1, rows-1)
		a, b := src[3*width*y:][:3*width], src[3*width*z:][:3*width]
		for i := p.k.pack(p.packed[:width], a, b); i < width; i++ {
			p.packed[i] = pixel(a[3*i:]) | pixel(b[3*i:])<<32
		}
		p.k.across(&dst[y*stride], &dst[z*stride], &p.packed[0], &f.First[0], &f.Weights[0], f.Taps, n)
	}
}

// Vertical filters the columns of rows of the given number of bytes, Stride apart in src,
// into dst, whose rows are contiguous and followed by Padding bytes.
func (p *Resampler) Vertical(dst, src []byte, row int, f *Filter) {
	stride := Stride(row)
	rows := len(src) / stride
	f.check(rows)
	_ = dst[:len(f.First)*row+Padding]
	for y, first := range f.First {
		p.k.down(&dst[y*row], &src[int(first)*stride], uintptr(stride), &f.Weights[y*f.Taps], f.Taps, row)
	}
}

// check panics if the filter reads beyond n inputs.
func (f *Filter) check(n int) {
	if len(f.Weights) != f.Taps*len(f.First) {
		panic("compute: number of filter weights differs from Taps per output")
	}
	for _, first := range f.First {
		if first < 0 || int(first)+f.Taps > n {
			panic("compute: a filter reads beyond its input")
		}
	}
}

func pixel(p []byte) uint64 { return uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 }

// The plain kernels compute two sums of 32 bits in one word: a product with a
// sign-extended weight, and a sum of such, is that of the lower half plus 1<<32
// times that of the upper, as long as neither leaves 32 bits.
var genericResample = &resampleKernels{
	pack:   func([]uint64, []byte, []byte) int { return 0 },
	across: genericAcross,
	down:   genericDown,
}

const (
	pixelHalves = pixelHalf<<32 | pixelHalf
	evenBytes   = 0xff<<32 | 0xff
)

func genericAcross(a, b *byte, packed *uint64, first, weights *int32, taps, n int) {
	firsts, w := unsafe.Slice(first, n), unsafe.Slice(weights, n*taps)
	x, y := unsafe.Slice(a, 3*n), unsafe.Slice(b, 3*n)
	for i, first := range firsts {
		in := unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(packed), 8*int(first))), taps)
		r, g, b := weigh(in, w[i*taps:][:taps])
		x, y := x[3*i:][:3], y[3*i:][:3]
		x[0], y[0] = clamp(r)
		x[1], y[1] = clamp(g)
		x[2], y[2] = clamp(b)
	}
}

// weigh is an inner loop. It is not inlined, so that it has enough registers.
//
//go:noinline
func weigh(in []uint64, weights []int32) (r, g, b uint64) {
	in = in[:len(weights)]
	r, g, b = pixelHalves, pixelHalves, pixelHalves
	for i, v := range weights {
		p, w := in[i], uint64(int64(v))
		r += p & evenBytes * w
		g += p >> 8 & evenBytes * w
		b += p >> 16 & evenBytes * w
	}
	return r, g, b
}

func genericDown(dst, src *byte, stride uintptr, weights *int32, taps, n int) {
	w := unsafe.Slice(weights, taps)
	out := unsafe.Slice(dst, (n+7)&^7)
	for x := 0; x < n; x += 8 {
		var a, b, c, d uint64 = pixelHalves, pixelHalves, pixelHalves, pixelHalves
		for i, v := range w {
			at := unsafe.Add(unsafe.Pointer(src), uintptr(x)+uintptr(i)*stride)
			u, w := binary.LittleEndian.Uint64(unsafe.Slice((*byte)(at), 8)), uint64(int64(v))
			a += u & evenBytes * w
			b += u >> 8 & evenBytes * w
			c += u >> 16 & evenBytes * w
			d += u >> 24 & evenBytes * w
		}
		o := out[x:][:8]
		o[0], o[4] = clamp(a)
		o[1], o[5] = clamp(b)
		o[2], o[6] = clamp(c)
		o[3], o[7] = clamp(d)
	}
}

// clamp rounds the two sums of a word to bytes.
func clamp(sums uint64) (byte, byte) {
	lo := int32(sums)
	hi := int32((sums - uint64(int64(lo))) >> 32)
	return byte(min(max(lo>>FilterBits, 0), math.MaxUint8)), byte(min(max(hi>>FilterBits, 0), math.MaxUint8))
}
