package adapter

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/clipcue/clipcue/internal/compute"
)

// unlike is the largest difference of two arrays.
func unlike(a, b []float32) float64 {
	if len(a) != len(b) {
		return math.Inf(1)
	}
	worst := 0.0
	for i := range a {
		worst = max(worst, math.Abs(float64(a[i]-b[i])))
	}
	return worst
}

// adapters with and without the residual and the temporal Transformer.
func adapters(t *testing.T) map[string]*Adapter {
	m := tinyModel(t)
	paper := residual
	paper.Residual = false
	scaled := learned(t, m, residual)
	scaled.temporalScale = 0.5
	return map[string]*Adapter{"residual": learned(t, m, residual), "half the residual": scaled,
		"paper": newAdapter(t, m, paper), "prompts": newAdapter(t, m, alone(residual))}
}

// The gradients through segments, which may overlap, are those that central
// differences give.
func TestSegmentGradients(t *testing.T) {
	spans := []RowRange{{0, 1}, {1, 3}, {0, 3}, {4, 6}, {7, 8}} // of four windows of three frames; the last window has none
	target := []int32{0, 2, 1, 1, 0}
	for what, a := range adapters(t) {
		if what == "half the residual" {
			continue // which TestGradientsBeyondThePaper has
		}
		// Prompt vectors as long as words, along which the loss is straighter.
		a.device.Scale(a.table.Value, 20)
		a.params.Changed()
		c, err := a.Classes(actions)
		if err != nil {
			t.Fatal(err)
		}
		a.slopes(t, what, func(back bool) float64 {
			p, err := a.ForwardSegments(frames(), spans, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Release()
			l := lossOf(t, p, target)
			l += p.AnchorVideo(0.3)
			if back {
				p.Backward()
			}
			return l
		})
	}
}

// Segments that are whole windows are the windows, forwards and backwards, to the
// bit.
func TestSegmentsThatAreWindows(t *testing.T) {
	target := []int32{0, 2, 1, 1}
	for what, a := range adapters(t) {
		c, err := a.Classes(actions)
		if err != nil {
			t.Fatal(err)
		}
		step := func(p *Pass) (values []float32) {
			defer p.Release()
			a.params.ZeroGrad()
			loss := lossOf(t, p, target)
			p.Backward()
			for _, m := range append([]compute.Matrix{p.video, p.logits}, gradients(a)...) {
				v := make([]float32, m.Rows*m.Cols)
				a.device.Download(v, m)
				values = append(values, v...)
			}
			return append(values, float32(loss))
		}
		want := step(forward(t, a, frames(), c, nil))
		p, err := a.ForwardSegments(frames(), []RowRange{{0, 3}, {3, 6}, {6, 9}, {9, 12}}, c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := step(p); !slices.Equal(got, want) {
			t.Errorf("%s: they differ by up to %g", what, unlike(got, want))
		}
	}
}

func gradients(a *Adapter) (g []compute.Matrix) {
	for _, p := range a.params.List {
		g = append(g, p.Grad)
	}
	return g
}

// A whole video's segments are those of its windows; one over several windows is
// their mean, and the last window ends with the video.
func TestEncodeSegments(t *testing.T) {
	e := tiny().Embed
	x := frames() // 12 frames, windows of 3
	for what, a := range adapters(t) {
		c, err := a.Classes(actions)
		if err != nil {
			t.Fatal(err)
		}
		windows := func(x []float32, spans ...RowRange) []float32 {
			p, err := a.ForwardSegments(x, spans, c, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Release()
			v := make([]float32, len(spans)*e)
			a.device.Download(v, p.video)
			return v
		}
		video := func(x []float32, spans ...RowRange) []float32 {
			v, err := a.EncodeSegments(t.Context(), x, spans)
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		spans := []RowRange{{0, 3}, {4, 5}, {9, 12}, {7, 9}}
		if d := unlike(video(x, spans...), windows(x, spans...)); !(d < 1e-5) {
			t.Errorf("%s: segments within windows differ by %g", what, d)
		}
		// 5 to 11 is one frame of the second window, the third, two of the fourth.
		parts, want := windows(x, RowRange{5, 6}, RowRange{6, 9}, RowRange{9, 11}), make([]float32, e)
		for j := range want {
			want[j] = (parts[j] + 3*parts[e+j] + 2*parts[2*e+j]) / 6
		}
		if d := unlike(video(x, RowRange{5, 11}), want); !(d < 1e-5) {
			t.Errorf("%s: a segment of three windows differs by %g", what, d)
		}
		// Of ten frames the last window is 7, 8, 9, of which 9 is new.
		if d := unlike(video(x[:10*e], RowRange{9, 10}, RowRange{6, 9}), append(windows(x[7*e:10*e], RowRange{2, 3}), windows(x[6*e:9*e], RowRange{0, 3})...)); !(d < 1e-5) {
			t.Errorf("%s: the last window differs by %g", what, d)
		}
		// A video of two frames has the last one twice.
		padded := append(slices.Clone(x[:2*e]), x[e:2*e]...)
		if d := unlike(video(x[:2*e], RowRange{0, 2}, RowRange{1, 2}), windows(padded, RowRange{0, 2}, RowRange{1, 2})); !(d < 1e-5) {
			t.Errorf("%s: a short video differs by %g", what, d)
		}
		// More windows than go through at once.
		long := slices.Repeat(x[:3*e], passWindows+3)
		first, last := video(long, RowRange{0, 2}), video(long, RowRange{len(long)/e - 3, len(long)/e - 1})
		if d := unlike(first, last); !(d < 1e-5) {
			t.Errorf("%s: the windows of the second pass differ by %g", what, d)
		}
	}
}

func TestSegmentsThatAreNotThere(t *testing.T) {
	a := newAdapter(t, tinyModel(t), residual)
	for _, s := range []RowRange{{-1, 2}, {2, 2}, {3, 2}, {11, 13}} {
		if _, err := a.EncodeSegments(t.Context(), frames(), []RowRange{s}); err == nil || !strings.Contains(err.Error(), "there are 12") {
			t.Errorf("%v: %v", s, err)
		}
		if _, err := a.ForwardSegments(frames(), []RowRange{s}, nil, nil); err == nil {
			t.Errorf("%v is taken", s)
		}
	}
	if v, err := a.EncodeSegments(t.Context(), frames(), nil); err != nil || len(v) != 0 {
		t.Errorf("no segments: %v, %v", v, err)
	}
	if _, err := a.EncodeSegments(t.Context(), frames()[1:], nil); err == nil {
		t.Error("part of a frame is taken")
	}
	if _, err := a.ForwardSegments(frames()[:tiny().Embed], []RowRange{{0, 1}}, nil, nil); err == nil {
		t.Error("part of a window is taken")
	}
}

// A segment whose residual is not kept is the mean of its frames.
func TestKeepingTheResidualOfSomeSegments(t *testing.T) {
	m := tinyModel(t)
	a := learned(t, m, residual)
	c, err := a.Classes(actions)
	if err != nil {
		t.Fatal(err)
	}
	e, segments := tiny().Embed, []RowRange{{0, 2}, {1, 4}, {5, 6}}
	video := func(a *Adapter, kept []int32) []float32 {
		p, err := a.ForwardSegments(frames(), segments, c, kept)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Release()
		v := make([]float32, p.video.Rows*p.video.Cols)
		a.device.Download(v, p.video)
		return v
	}
	all, none := video(a, nil), video(newAdapter(t, m, alone(residual)), nil)
	if got, want := video(a, []int32{1}), slices.Concat(none[:e], all[e:2*e], none[2*e:]); !slices.Equal(got, want) {
		t.Error("segment 1 alone is not kept")
	}
}
