package label

import (
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestPackFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, width := rapid.IntRange(1, 5).Draw(t, "frames"), rapid.IntRange(1, 100).Draw(t, "width")
		x := rapid.SliceOfN(rapid.Float32Range(-1, 1), n*width, n*width).Draw(t, "features")
		times := rapid.SliceOfN(rapid.Float64Range(-5, 1e6), n, n).Draw(t, "times")
		packed := PackFrames(x, times)
		y, at, err := UnpackFrames(packed, width)
		if err != nil || !slices.Equal(at, times) {
			t.Fatalf("%v, %v", at, err)
		}
		for i, v := range x {
			if d := math.Abs(float64(v - y[i])); d > 1./254+1e-6 {
				t.Fatalf("element %d is off by %g", i, d)
			}
		}
		i := rapid.IntRange(0, len(packed)-1).Draw(t, "damaged byte")
		packed[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, _, err := UnpackFrames(packed, width); !errors.Is(err, ErrPacked) {
			t.Errorf("damage in byte %d: %v", i, err)
		}
	})
	if _, _, err := UnpackFrames(nil, 4); !errors.Is(err, ErrPacked) {
		t.Errorf("no bytes: %v", err)
	}
}

func TestPackDirections(t *testing.T) {
	for _, embed := range []int{1, 5, 100} {
		r := rand.New(rand.NewPCG(1, 2))
		var moments []Frames
		for range 20 {
			f := Frames{Times: []float64{0, 1, 2, 3}, End: 4}
			for range 4 * embed {
				f.Features = append(f.Features, float32(r.NormFloat64()))
			}
			moments = append(moments, f)
		}
		d := LearnDirections(embed, moments)
		packed := PackDirections(d)
		if have, err := UnpackDirections(packed, embed); err != nil || !reflect.DeepEqual(have, d) {
			t.Errorf("width %d: %v", embed, err)
		}
		for i := range packed {
			packed[i] ^= 1
			if _, err := UnpackDirections(packed, embed); !errors.Is(err, ErrPacked) {
				t.Errorf("damage in byte %d: %v", i, err)
			}
			packed[i] ^= 1
		}
		if _, err := UnpackDirections(packed, embed+1); !errors.Is(err, ErrPacked) {
			t.Errorf("another width: %v", err)
		}
	}
}
