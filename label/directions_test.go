package label

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/internal/compute"
)

// sampleOf returns some moments of films of width 4.
func sampleOf(n int) (out []Frames) {
	r := rand.New(rand.NewPCG(1, 2))
	for range n {
		a := make([]float64, 12)
		for j := range a {
			a[j] = r.NormFloat64()
		}
		x, at := frames(func(u float64) []float32 {
			return []float32{3, float32(a[0] + a[1]*math.Sin(5*u+a[2])), float32(a[3] + a[4]*u), float32(a[5] + a[6]*math.Cos(3*u))}
		}, 16, 0, 2)
		out = append(out, Frames{x, at, 0, 2})
	}
	return out
}

func TestDirectionsAreOrthonormal(t *testing.T) {
	d := LearnDirections(4, sampleOf(50))
	for i, x := range d.rows {
		for j, y := range d.rows {
			want := 0.
			if i == j {
				want = 1
			}
			if got := compute.Dot(x, y); math.Abs(got-want) > 1e-5 {
				t.Errorf("directions %d and %d have product %g", i, j, got)
			}
		}
	}
}

func TestDescriptionDoesNotDependOnRateOrLength(t *testing.T) {
	d := LearnDirections(4, sampleOf(50))
	rapid.Check(t, func(t *rapid.T) {
		f := film(t, 4)
		n, more := rapid.IntRange(16, 40).Draw(t, "frames"), rapid.IntRange(16, 100).Draw(t, "other frames")
		start, duration := rapid.Float64Range(-5, 500).Draw(t, "start"), rapid.Float64Range(0.2, 60).Draw(t, "duration")
		x, at := frames(f, n, 0, 1)
		y, other := frames(f, more, start, duration)
		a, b := d.Describe(d.Project(x), at, 0, 1), d.Describe(d.Project(y), other, start, start+duration)
		if l := distance(a, make([]float32, len(a))); distance(a, b) > 0.15*max(l, 1) {
			t.Errorf("%d frames of 1 s and %d of %g s: descriptors of length %.3f are %.3f apart", n, more, duration, l, distance(a, b))
		}
	})
}

// A rotation has the same areas at any phase, and opposite ones backward.
func TestAreasShowTheSenseOfRotation(t *testing.T) {
	d := axes(3, 3)
	areas := func(phase, turns float64) []float32 {
		x, at := frames(func(u float64) []float32 {
			return []float32{10, float32(math.Cos(phase + 2*math.Pi*turns*u)), float32(math.Sin(phase + 2*math.Pi*turns*u))}
		}, 16, 0, 1)
		first := d.sizes()[0]
		return d.Describe(d.Project(x), at, 0, 1)[first:][:d.sizes()[1]]
	}
	forward := areas(0, 1)
	for phase := 0.; phase < 6; phase++ {
		if d := distance(forward, areas(phase, 1)); d > 0.05*distance(forward, make([]float32, len(forward))) {
			t.Errorf("phase %g: %.3f apart", phase, d)
		}
		sum := 0.
		for j, v := range areas(phase, -1) {
			sum += math.Abs(float64(forward[j] + v))
		}
		if sum > 0.05 {
			t.Errorf("phase %g: areas of both senses differ by %g", phase, sum)
		}
	}
}

func TestDescriptionOfStillFrames(t *testing.T) {
	d := LearnDirections(2, nil)
	for _, f := range []Frames{{nil, nil, 0, 4}, {[]float32{1, 2}, []float64{1}, 0, 4}, {[]float32{1, 2, 2, 4, 3, 6}, []float64{0, 1, 2}, 0, 4}, {make([]float32, 6), []float64{0, 1, 2}, 0, 4}} {
		for j, v := range d.Describe(d.Project(f.Features), f.Times, f.Start, f.End) {
			if math.Abs(float64(v)) > 1e-5 {
				t.Errorf("%+v: element %d is %g", f, j, v)
			}
		}
	}
}
