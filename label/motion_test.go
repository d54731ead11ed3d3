package label

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/internal/compute"
)

// film draws an embedding that changes smoothly over time u from 0 to 1.
func film(t *rapid.T, width int) func(u float64) []float32 {
	a := rapid.SliceOfN(rapid.Float64Range(-1, 1), 3*width, 3*width).Draw(t, "film")
	a[0] = 2 // its mean has a length
	return func(u float64) []float32 {
		out := make([]float32, width)
		for j := range out {
			out[j] = float32(a[j] + 0.5*a[width+j]*math.Sin(3*u) + 0.5*a[2*width+j]*math.Cos(5*u))
		}
		return out
	}
}

// frames samples a film of the given duration from start on, at the centers of n frames.
func frames(f func(u float64) []float32, n int, start, duration float64) (features []float32, times []float64) {
	for i := range n {
		u := (float64(i) + 0.5) / float64(n)
		features, times = append(features, f(u)...), append(times, start+u*duration)
	}
	return features, times
}

func distance(a, b []float32) float64 {
	var sum float64
	for i := range a {
		sum += float64(a[i]-b[i]) * float64(a[i]-b[i])
	}
	return math.Sqrt(sum)
}

func TestMotionDoesNotDependOnRateOrLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := film(t, 4)
		n, more := rapid.IntRange(8, 24).Draw(t, "frames"), rapid.IntRange(8, 100).Draw(t, "other frames")
		start, duration := rapid.Float64Range(-5, 500).Draw(t, "start"), rapid.Float64Range(0.2, 60).Draw(t, "duration")
		x, at := frames(f, n, 0, 1)
		y, other := frames(f, more, start, duration)
		a, b := Motion(x, at, 0, 1), Motion(y, other, start, start+duration)
		if d := distance(a, b); d > 0.06 {
			t.Errorf("%d frames of 1 s and %d of %g s: descriptors are %.3f apart", n, more, duration, d)
		}
	})
}

func TestMotionTurnsWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := film(t, 4)
		x, at := frames(f, 12, 3, 4)
		y, _ := frames(func(u float64) []float32 { return f(1 - u) }, 12, 3, 4)
		a, b := Motion(x, at, 3, 7), Motion(y, at, 3, 7)
		for j := range a {
			sign := float32(-1)
			if j >= len(a)/2 {
				sign = 1
			}
			if math.Abs(float64(a[j]-sign*b[j])) > 1e-5 {
				t.Fatalf("element %d is %g forward and %g backward", j, a[j], b[j])
			}
		}
		if l := compute.Dot(a, a); l > 1+1e-5 {
			t.Errorf("length² %g", l)
		}
	})
}

func TestMotionOfStillFrames(t *testing.T) {
	for _, c := range []struct {
		name     string
		features []float32
		times    []float64
	}{
		{"one frame", []float32{1, 2}, []float64{1}},
		{"the same frame, brighter", []float32{1, 2, 2, 4, 3, 6}, []float64{0, 1, 2}},
		{"zeros", make([]float32, 6), []float64{0, 1, 2}},
		{"the mean cancels out", []float32{1, 0, -1, 0}, []float64{1, 3}},
	} {
		got := Motion(c.features, c.times, 0, 4)
		if len(got) != 4 {
			t.Fatalf("%s: %d elements", c.name, len(got))
		}
		for _, v := range got {
			if math.Abs(float64(v)) > 1+1e-6 || c.name != "the mean cancels out" && math.Abs(float64(v)) > 1e-6 {
				t.Errorf("%s: %v", c.name, got)
			}
		}
	}
}
