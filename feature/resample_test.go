package feature

import (
	"math"
	"strings"
	"testing"
)

// ramp is a sequence of n frames whose feature is twice their time.
func ramp(n int, at func(i int) float64) *Sequence {
	q := &Sequence{ID: "ramp.mp4", Width: 1, Provenance: Provenance{Sampling: "fps 4"}}
	for i := range n {
		q.Timestamps = append(q.Timestamps, at(i))
		q.Features = append(q.Features, float32(2*at(i)))
	}
	return q
}

func TestResample(t *testing.T) {
	regular := func(i int) float64 { return 5 + float64(i)/4 }
	q := ramp(41, regular) // 5 to 15 s
	if same, err := q.Resample(4.1); err != nil || same != q {
		t.Errorf("about the same rate: %v", err)
	}
	for _, rate := range []float64{1, 3, 8, 15} {
		r, err := q.Resample(rate)
		if err != nil {
			t.Fatal(err)
		}
		if want := int(10*rate) + 1; r.Len() != want || math.Abs(r.FrameRate()-rate) > 1e-6 {
			t.Errorf("at %v: %d frames instead of %d, of rate %v", rate, r.Len(), want, r.FrameRate())
		}
		for i, s := range r.Timestamps {
			if math.Abs(s-5-float64(i)/rate) > 1e-9 || math.Abs(float64(r.Row(i)[0])-2*s) > 1e-5 {
				t.Errorf("at %v, frame %d: %v at %v s", rate, i, r.Row(i), s)
			}
		}
	}
	// Irregular times: what counts is time, not the frames' numbers.
	uneven := ramp(40, func(i int) float64 { return float64(i)/4 + 0.1*float64(i%2) + float64(i/20) })
	r, err := uneven.Resample(2)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range r.Timestamps {
		if math.Abs(float64(r.Row(i)[0])-2*s) > 1e-5 {
			t.Errorf("frame %d: %v at %v s", i, r.Row(i), s)
		}
	}
	if _, err := q.Resample(17); err == nil || !strings.Contains(err.Error(), "ramp.mp4 have 4 frames per second (fps 4)") {
		t.Errorf("far too coarse: %v", err)
	}
	// A pause of a day would be filled with frames that nobody has seen.
	if _, err := ramp(41, func(i int) float64 { return regular(i) + float64(i/20)*86400 }).Resample(8); err == nil {
		t.Error("a day without frames is filled")
	}
	one := ramp(1, regular)
	if r, err := one.Resample(8); err != nil || r != one || one.FrameRate() != 0 {
		t.Errorf("one frame: %v, rate %v", err, one.FrameRate())
	}
	if r, err := ramp(3, func(int) float64 { return 7 }).Resample(8); err != nil || r.Len() != 3 {
		t.Errorf("no time passes: %v", err)
	}
}

// Sampled frames are unevenly spaced, and still have a rate.
func TestRate(t *testing.T) {
	for _, c := range []struct{ of, sampled float64 }{{12, 8}, {30, 8}, {25, 8}, {24, 10}, {29.97, 4}, {8, 8}} {
		for _, n := range []int{20, 41, 1000} {
			q := ramp(n, func(i int) float64 { return math.Ceil(float64(i)*c.of/c.sampled-1e-9) / c.of })
			if r := q.FrameRate(); math.Abs(r/c.sampled-1) > sameRate {
				t.Errorf("%d frames at %v of %v a second: rate %v", n, c.sampled, c.of, r)
			}
			late := ramp(n, func(i int) float64 { return q.Timestamps[i] + 1000*float64(2*i/n) })
			if r := late.FrameRate(); math.Abs(r/c.sampled-1) > sameRate {
				t.Errorf("%d frames at %v of %v a second, and a gap: rate %v", n, c.sampled, c.of, r)
			}
		}
	}
}
