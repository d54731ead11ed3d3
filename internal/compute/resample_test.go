package compute

import (
	"math/rand/v2"
	"testing"
)

// The kernels match the definition of the filter at every edge of their vectors.
func TestResampler(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	filter := func(in, out int) *Filter {
		f := &Filter{Taps: 1 + rng.IntN(min(in, 9))}
		for range out {
			f.First = append(f.First, int32(rng.IntN(in-f.Taps+1)))
			left := 1 << FilterBits
			for i := range f.Taps {
				w := rng.IntN(1<<FilterBits) - 1<<(FilterBits-2)
				if i == f.Taps-1 {
					w = left
				}
				f.Weights = append(f.Weights, int32(w))
				left -= w
			}
		}
		return f
	}
	sum := func(f *Filter, i int, in func(at int) byte) byte {
		s := int64(pixelHalf)
		for j := range f.Taps {
			s += int64(f.Weights[i*f.Taps+j]) * int64(in(int(f.First[i])+j))
		}
		return byte(min(max(int64(int32(s))>>FilterBits, 0), 255))
	}
	for range 300 {
		w, h, outW, outH := 1+rng.IntN(40), 1+rng.IntN(12), 1+rng.IntN(40), 1+rng.IntN(9)
		src := make([]byte, 3*w*h)
		for i := range src {
			src[i] = byte(rng.IntN(256))
		}
		across, down := filter(w, outW), filter(h, outH)
		between := make([]byte, 3*outW*h)
		for i := range between {
			y, x, c := i/(3*outW), i/3%outW, i%3
			between[i] = sum(across, x, func(at int) byte { return src[3*(y*w+at)+c] })
		}
		want := make([]byte, 3*outW*outH)
		for i := range want {
			y, x := i/(3*outW), i%(3*outW)
			want[i] = sum(down, y, func(at int) byte { return between[at*3*outW+x] })
		}
		for _, k := range available() {
			p := &Resampler{k: k.resample}
			middle, got := make([]byte, h*Stride(3*outW)), make([]byte, len(want)+Padding)
			p.Horizontal(middle, src, w, across)
			p.Vertical(got, middle, 3*outW, down)
			for i, v := range want {
				if got[i] != v {
					t.Fatalf("%s: %dx%d to %dx%d: byte %d is %d, not %d", k.name, w, h, outW, outH, i, got[i], v)
				}
			}
		}
	}
}
