package video

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Resizer resizes pictures as PIL and torchvision do for CLIP, to the same
// bytes. It keeps its tables and buffers from one picture to the next: where
// the sizes stay the same nothing is allocated. The zero value is ready; it
// serves one goroutine.
type Resizer struct {
	shape   shape
	across  kernel // columns: from the source's to the crop's
	down    kernel // rows
	packed  [][3]uint64
	between []byte // the rows that down needs, resized across
	out     []byte
}

// Resize brings the shorter side of f to size with PIL's antialiased bicubic
// filter and cuts out the middle: torchvision's Resize(size, BICUBIC) and
// CenterCrop(size). A smaller picture is enlarged. The result's Pix is valid
// until the next call; it may be f's own.
func (r *Resizer) Resize(f Frame, size int) (Frame, error) {
	if size < 1 || size > maxSide {
		return Frame{}, fmt.Errorf("size %d is not in 1..%d", size, maxSide)
	}
	return r.reshape(f, shapeOf(f.Width, f.Height, 1, size))
}

// Stretch brings f to size×size with the same filter and cuts out nothing, so
// that a picture that is not square is distorted. The result is as Resize's.
func (r *Resizer) Stretch(f Frame, size int) (Frame, error) {
	if size < 1 || size > maxSide {
		return Frame{}, fmt.Errorf("size %d is not in 1..%d", size, maxSide)
	}
	return r.reshape(f, shape{f.Width, f.Height, size, size, 0, 0, size, size})
}

func (r *Resizer) reshape(f Frame, s shape) (Frame, error) {
	if err := s.check(); err != nil {
		return Frame{}, err
	}
	if len(f.Pix) != 3*f.Width*f.Height {
		return Frame{}, fmt.Errorf("%d bytes are not %dx%d RGB pixels", len(f.Pix), f.Width, f.Height)
	}
	f.Pix = r.apply(f.Pix, s)
	f.Width, f.Height = s.cropW, s.cropH
	return f, nil
}

// shape is a resize and a crop of what it makes.
type shape struct {
	srcW, srcH       int
	scaledW, scaledH int
	cropX, cropY     int
	cropW, cropH     int
}

// shapeOf is the way from a w×h picture, whose pixels are aspect times as wide
// as high, to a size×size one, or to one of square pixels where size is 0.
func shapeOf(w, h int, aspect float64, size int) shape {
	s := shape{srcW: w, srcH: h}
	w, h = squared(w, h, aspect)
	switch {
	case size == 0 || w < 1 || h < 1:
		s.scaledW, s.scaledH = w, h
		s.cropW, s.cropH = w, h
		return s
	case w <= h:
		s.scaledW, s.scaledH = size, int(float64(size*h)/float64(w))
	default:
		s.scaledW, s.scaledH = int(float64(size*w)/float64(h)), size
	}
	s.cropX = int(math.RoundToEven(float64(s.scaledW-size) / 2))
	s.cropY = int(math.RoundToEven(float64(s.scaledH-size) / 2))
	s.cropW, s.cropH = size, size
	return s
}

// squared returns the size of a picture once its pixels are square. No detail
// is lost: one side grows and none shrinks. A difference of up to a pixel,
// which is an encoder's rounding, is left alone.
func squared(w, h int, aspect float64) (int, int) {
	switch {
	case aspect > 1 && float64(w)*(aspect-1) > 1:
		w = int(math.Round(float64(w) * aspect))
	case aspect < 1 && float64(h)*(1/aspect-1) > 1:
		h = int(math.Round(float64(h) / aspect))
	}
	return w, h
}

func (s shape) check() error {
	if s.srcW < 1 || s.srcH < 1 || s.srcW > maxPixels/s.srcH || s.cropW > maxPixels/s.cropH {
		return fmt.Errorf("%dx%d pixels are not a picture of up to %d million", s.srcW, s.srcH, maxPixels>>20)
	}
	return nil
}

// apply returns src as s says: src itself, or memory that the next call reuses.
func (r *Resizer) apply(src []byte, s shape) []byte {
	if s == (shape{s.srcW, s.srcH, s.srcW, s.srcH, 0, 0, s.srcW, s.srcH}) {
		return src
	}
	if s != r.shape {
		r.shape = s
		r.across = newKernel(s.srcW, s.scaledW, s.cropX, s.cropW)
		r.down = newKernel(s.srcH, s.scaledH, s.cropY, s.cropH)
		r.packed = make([][3]uint64, r.across.end-r.across.start)
		r.between = make([]byte, padded(3*s.cropW)*(r.down.end-r.down.start))
		r.out = make([]byte, 3*s.cropW*s.cropH)
	}
	wide, row, stride := 3*s.srcW, 3*s.cropW, padded(3*s.cropW)
	for y := r.down.start; y < r.down.end; y += 2 {
		below := min(y+1, r.down.end-1)
		part := func(y int) []byte { return src[y*wide:][3*r.across.start : 3*r.across.end] }
		line := func(y int) []byte { return r.between[(y-r.down.start)*stride:][:row] }
		pack(r.packed, part(y), part(below))
		r.across.rows(line(y), line(below), r.packed)
	}
	for y, t := range r.down.taps {
		column(r.out[y*row:][:row], r.between[(t.first-r.down.start)*stride:], t.weights)
	}
	return r.out
}

// kernel is PIL's filter along one axis: each output pixel is a weighted sum of
// neighbouring input pixels, in fixed point.
type kernel struct {
	taps       []taps // one an output pixel
	start, end int    // bounds of the input pixels in use
}

type taps struct {
	first   int      // the input pixel of the first weight
	weights []uint64 // sign-extended
}

const (
	precision = 32 - 8 - 2 // bits after the point, as in Pillow's Resample.c
	half      = 1 << (precision - 1)
	halves    = half<<32 | half
)

// newKernel takes in pixels to out and makes the taps for n of these from
// first on. It is precompute_coeffs and normalize_coeffs_8bpc of Pillow. Here
// and in bicubic, the conversions of products to float64 keep compilers from
// fusing them with a sum, which would round otherwise than Pillow does.
func newKernel(in, out, first, n int) kernel {
	scale := float64(in) / float64(out)
	filterScale := max(scale, 1)
	support := 2 * filterScale
	k := kernel{taps: make([]taps, n), start: in}
	w := make([]float64, 0, 2*int(math.Ceil(support))+1)
	for i := range k.taps {
		center := float64((float64(first+i) + 0.5) * scale)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		w = w[:0]
		sum := 0.0
		for x := lo; x < hi; x++ {
			v := bicubic(float64((float64(x) - center + 0.5) * (1 / filterScale)))
			w = append(w, v)
			sum += v
		}
		weights := make([]uint64, len(w))
		for j, v := range w {
			v = float64(v / sum * (1 << precision))
			weights[j] = uint64(int64(v + math.Copysign(0.5, v)))
		}
		// Weights of zero at the ends change nothing but the time.
		for len(weights) > 1 && weights[0] == 0 {
			weights, lo = weights[1:], lo+1
		}
		for len(weights) > 1 && weights[len(weights)-1] == 0 {
			weights = weights[:len(weights)-1]
		}
		k.taps[i] = taps{lo, weights}
		k.start = min(k.start, lo)
		k.end = max(k.end, lo+len(weights))
	}
	return k
}

// bicubic is the filter with a = -0.5.
func bicubic(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return float64(float64(float64((a+2)*x)-(a+3))*x*x) + 1
	case x < 2:
		return float64(float64(float64(float64(float64((x-5)*x)+8)*x)-4) * a)
	}
	return 0
}

// rows filters two rows of RGB pixels, packed by pack from pixel k.start on.
func (k *kernel) rows(dst0, dst1 []byte, src [][3]uint64) {
	for i, t := range k.taps {
		r, g, b := weigh(src[t.first-k.start:], t.weights)
		d0, d1 := dst0[3*i:][:3], dst1[3*i:][:3]
		d0[0], d1[0] = clip(r)
		d0[1], d1[1] = clip(g)
		d0[2], d1[2] = clip(b)
	}
}

// weigh is rows' inner loop. On its own it has the registers it needs.
//
//go:noinline
func weigh(src [][3]uint64, weights []uint64) (r, g, b uint64) {
	src = src[:len(weights)]
	r, g, b = halves, halves, halves
	for i, w := range weights {
		p := &src[i]
		r += p[0] * w
		g += p[1] * w
		b += p[2] * w
	}
	return r, g, b
}

// column filters down: dst is the weighted sum of as many rows of src, which
// stand one after the other, each as long as dst and filled up to a multiple of
// eight bytes.
func column(dst, src []byte, weights []uint64) {
	const even = 0xff<<32 | 0xff
	stride := padded(len(dst))
	for x := 0; x < len(dst); x += 8 {
		var a, b, c, d uint64 = halves, halves, halves, halves
		at := x
		for _, w := range weights {
			v := binary.LittleEndian.Uint64(src[at:])
			a += v & even * w
			b += v >> 8 & even * w
			c += v >> 16 & even * w
			d += v >> 24 & even * w
			at += stride
		}
		var out [8]byte
		out[0], out[4] = clip(a)
		out[1], out[5] = clip(b)
		out[2], out[6] = clip(c)
		out[3], out[7] = clip(d)
		copy(dst[x:], out[:])
	}
}

// Two sums of 32 bits run in one word: a product with a sign-extended weight,
// and a sum of such, is that of the lower half plus 1<<32 times that of the
// upper, as long as neither leaves 32 bits. Pillow computes in 32 bits too.

// pack puts the pixels of two rows into the halves of words.
func pack(dst [][3]uint64, a, b []byte) {
	for i := range dst {
		p, q := a[3*i:][:3], b[3*i:][:3]
		dst[i] = [3]uint64{
			uint64(p[0]) | uint64(q[0])<<32,
			uint64(p[1]) | uint64(q[1])<<32,
			uint64(p[2]) | uint64(q[2])<<32,
		}
	}
}

// clip rounds the two sums of a word to bytes.
func clip(sums uint64) (byte, byte) {
	lo := int32(sums)
	hi := int32((sums - uint64(int64(lo))) >> 32)
	return byte(min(max(lo>>precision, 0), 255)), byte(min(max(hi>>precision, 0), 255))
}

func padded(n int) int { return (n + 7) &^ 7 }
