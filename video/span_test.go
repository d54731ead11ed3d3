package video

import "testing"

func TestSpan(t *testing.T) {
	a := Span{2, 6}
	for _, x := range []struct {
		b             Span
		overlap, tIoU float64
	}{{Span{2, 6}, 4, 1}, {Span{4, 10}, 2, 0.25}, {Span{3, 4}, 1, 0.25}, {Span{6, 8}, 0, 0}, {Span{9, 8}, 0, 0}} {
		if o, u := a.Overlap(x.b), a.TIoU(x.b); o != x.overlap || u != x.tIoU {
			t.Errorf("%v: overlap %v, tIoU %v", x.b, o, u)
		}
		if o, u := x.b.Overlap(a), x.b.TIoU(a); o != x.overlap || u != x.tIoU {
			t.Errorf("%v, exchanged: overlap %v, tIoU %v", x.b, o, u)
		}
	}
	if d := a.Duration(); d != 4 {
		t.Errorf("duration %v", d)
	}
}
