package video

import (
	"cmp"
	"fmt"
	"math"

	"github.com/clipcue/clipcue/internal/compute"
)

// Resizer resizes frames to the same bytes as PIL and torchvision do for CLIP. It reuses
// its tables and buffers: while the sizes stay the same, nothing is allocated. The zero
// value is ready to use. A Resizer must not be used by several goroutines at once.
type Resizer struct {
	shape   shape
	filter  *compute.Resampler
	across  axis   // columns, from the source to the crop
	down    axis   // rows
	between []byte // the rows that down needs, resized across
	out     []byte
}

// Fit describes how a frame of any size becomes square. The zero value is CLIP's own way:
// torchvision's Resize(size, BICUBIC) and CenterCrop(size). The bytes are those of Pillow up
// to 12; Pillow 13 rounds differently where the two sides shrink by different factors.
type Fit struct {
	// Resized is the length of the shorter side before the center is cropped, at least that
	// of the result; 0 means the same as the result.
	Resized int
	// Squash resizes both sides to that length: a frame that is not square is distorted.
	Squash bool
	// Bilinear selects PIL's antialiased bilinear filter instead of the bicubic one.
	Bilinear bool
	// Floor rounds the longer side and the place of the crop down, as Immich does. torchvision
	// rounds the place to even numbers. Where they differ, the crop is half a pixel elsewhere.
	Floor bool `json:",omitempty"`
}

// Check returns an error for frames that cannot be made size×size.
func (f Fit) Check(size int) error {
	switch {
	case size < 1 || size > maxSide:
		return fmt.Errorf("frame size must be 1 to %d, got %d", maxSide, size)
	case f.Resized != 0 && (f.Resized < size || f.Resized > maxSide):
		return fmt.Errorf("frames must be resized to at least the %d pixels that are cropped and at most %d, got %d", size, maxSide, f.Resized)
	}
	return nil
}

// Resize returns f with size×size pixels. A smaller frame is enlarged. The Pix of the
// result is valid until the next call, and may be that of f.
func (r *Resizer) Resize(f Frame, size int, fit Fit) (Frame, error) {
	if err := fit.Check(size); err != nil {
		return Frame{}, err
	}
	return r.reshape(f, shapeOf(f.Width, f.Height, 1, size, fit))
}

func (r *Resizer) reshape(f Frame, s shape) (Frame, error) {
	if err := s.check(); err != nil {
		return Frame{}, err
	}
	if len(f.Pix) != 3*f.Width*f.Height {
		return Frame{}, fmt.Errorf("got %d bytes for %dx%d RGB pixels", len(f.Pix), f.Width, f.Height)
	}
	f.Pix = r.apply(f.Pix, s)
	f.Width, f.Height = s.cropW, s.cropH
	return f, nil
}

// shape describes a resize followed by a crop.
type shape struct {
	srcW, srcH       int
	scaledW, scaledH int
	cropX, cropY     int
	cropW, cropH     int
	bilinear         bool
}

// shapeOf returns the shape that makes a w×h frame, whose pixels are aspect times as wide
// as high, size×size, or gives it square pixels if size is 0.
func shapeOf(w, h int, aspect float64, size int, fit Fit) shape {
	s := shape{srcW: w, srcH: h, bilinear: fit.Bilinear}
	w, h = squared(w, h, aspect)
	side := cmp.Or(fit.Resized, size)
	switch {
	case size == 0 || w < 1 || h < 1:
		s.scaledW, s.scaledH = w, h
		s.cropW, s.cropH = w, h
		return s
	case fit.Squash:
		s.scaledW, s.scaledH = side, side
	case w <= h:
		s.scaledW, s.scaledH = side, fit.longer(side, h, w)
	default:
		s.scaledW, s.scaledH = fit.longer(side, w, h), side
	}
	round := math.RoundToEven
	if fit.Floor {
		round = math.Floor
	}
	s.cropX = int(round(float64(s.scaledW-size) / 2))
	s.cropY = int(round(float64(s.scaledH-size) / 2))
	s.cropW, s.cropH = size, size
	return s
}

// longer returns the longer side of a frame whose shorter side becomes side. The order of the
// operations decides where the quotient is close to an integer.
func (f Fit) longer(side, long, short int) int {
	if f.Floor {
		return int(float64(long) / float64(short) * float64(side))
	}
	return int(float64(side*long) / float64(short))
}

// squared returns the size of a frame after scaling to square pixels. No detail is lost:
// one side grows and none shrinks. A difference of up to one pixel is rounding by the
// encoder and ignored.
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
		return fmt.Errorf("frame size %dx%d; the limit is %d million pixels", s.srcW, s.srcH, maxPixels>>20)
	}
	return nil
}

// apply resizes and crops src. It returns src itself, or memory that the next call reuses.
func (r *Resizer) apply(src []byte, s shape) []byte {
	if s.scaledW == s.srcW && s.scaledH == s.srcH && s.cropW == s.srcW && s.cropH == s.srcH {
		return src
	}
	if s != r.shape {
		r.prepare(s)
	}
	src = src[3*s.srcW*r.down.start : 3*s.srcW*r.down.end]
	r.filter.Horizontal(r.between, src, s.srcW, &r.across.Filter)
	r.filter.Vertical(r.out, r.between, 3*s.cropW, &r.down.Filter)
	return r.out[:3*s.cropW*s.cropH]
}

func (r *Resizer) prepare(s shape) {
	if r.filter == nil {
		r.filter = compute.NewResampler()
	}
	r.shape = s
	k := bicubicKernel
	if s.bilinear {
		k = bilinearKernel
	}
	r.across = newAxis(k, s.srcW, s.scaledW, s.cropX, s.cropW)
	r.down = newAxis(k, s.srcH, s.scaledH, s.cropY, s.cropH)
	for i := range r.down.First {
		r.down.First[i] -= int32(r.down.start)
	}
	r.between = make([]byte, (r.down.end-r.down.start)*compute.Stride(3*s.cropW))
	r.out = make([]byte, 3*s.cropW*s.cropH+compute.Padding)
}

// axis is PIL's filter along one axis.
type axis struct {
	compute.Filter
	start, end int // bounds of the input pixels in use
}

// kernel is a filter of PIL: its value at a distance, which is 0 from support on.
type kernel struct {
	support float64
	at      func(distance float64) float64
}

var (
	bicubicKernel  = kernel{2, bicubic}
	bilinearKernel = kernel{1, func(x float64) float64 { return max(0, 1-math.Abs(x)) }}
)

// newAxis returns the filter that resizes in pixels to out pixels, for n output pixels
// starting at first. It is precompute_coeffs and normalize_coeffs_8bpc of Pillow. Here and
// in bicubic, converting products to float64 keeps compilers from fusing them with a sum,
// which would round differently from Pillow.
func newAxis(kernel kernel, in, out, first, n int) axis {
	scale := float64(in) / float64(out)
	filterScale := max(scale, 1)
	support := kernel.support * filterScale
	k := axis{compute.Filter{First: make([]int32, n)}, in, 0}
	weights := make([][]int32, n)
	w := make([]float64, 0, 2*int(math.Ceil(support))+1)
	for i := range n {
		center := float64((float64(first+i) + 0.5) * scale)
		lo := max(int(center-support+0.5), 0)
		hi := min(int(center+support+0.5), in)
		w = w[:0]
		sum := 0.0
		for x := lo; x < hi; x++ {
			v := kernel.at(float64((float64(x) - center + 0.5) * (1 / filterScale)))
			w = append(w, v)
			sum += v
		}
		fixed := make([]int32, len(w))
		for j, v := range w {
			v = float64(v / sum * (1 << compute.FilterBits))
			fixed[j] = int32(v + math.Copysign(0.5, v))
		}
		// Zero weights at the ends only cost time.
		for len(fixed) > 1 && fixed[0] == 0 {
			fixed, lo = fixed[1:], lo+1
		}
		for len(fixed) > 1 && fixed[len(fixed)-1] == 0 {
			fixed = fixed[:len(fixed)-1]
		}
		k.First[i], weights[i] = int32(lo), fixed
		k.Taps = max(k.Taps, len(fixed))
	}
	k.Weights = make([]int32, n*k.Taps)
	for i, fixed := range weights {
		lo := int(k.First[i])
		from := min(lo, in-k.Taps)
		copy(k.Weights[i*k.Taps+lo-from:], fixed)
		k.First[i] = int32(from)
		k.start = min(k.start, from)
		k.end = max(k.end, from+k.Taps)
	}
	return k
}

// bicubic returns the value of the bicubic filter with a = -0.5.
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
