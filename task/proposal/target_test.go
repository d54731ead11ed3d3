package proposal

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Each segment of a window has an assigned row, and the row's distances lead to its ends.
func TestEverySegmentHasARow(t *testing.T) {
	c := small()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 32).Draw(t, "frames")
		a := rapid.Float64Range(0, float64(n)-1).Draw(t, "from")
		b := rapid.Float64Range(a+1, float64(n)).Draw(t, "to")
		if a > float64(n)-1 || a+1 > b {
			t.Skip()
		}
		l := c.layout([]int{c.padded(n)})
		want := c.targets(l, []int{n}, [][]span{{{a, b, false}}})
		if len(want.rows) == 0 && math.Ceil(a) <= min(math.Floor(b), float64(n-1)) {
			t.Fatalf("from %v to %v of %d frames there is no row", a, b, n)
		}
		for i, row := range want.rows {
			level := 0
			for int(row) >= l.levels[level].rows.To {
				level++
			}
			at := center(int(row)-l.levels[level].rows.From, 1<<level)
			left, right := float64(want.distances[2*i]), float64(want.distances[2*i+1])
			s := float64(int(1) << level)
			if math.Abs(at-left*s-a) > 0.02*s || math.Abs(at+right*s-b) > 0.02*s || want.action[row] != 1 {
				t.Fatalf("row %d at %v is to find %v to %v", row, at, at-left*s, at+right*s)
			}
		}
	})
}

// A segment with less than half of it in a window is neither an action nor background. Padding
// is not background.
func TestWhatDoesNotCount(t *testing.T) {
	c := small()
	q := film("a.mp4", rand.New(rand.NewPCG(1, 1)), 100, 2, 8, nil)
	f, err := c.frames(q, 2)
	if err != nil {
		t.Fatal(err)
	}
	spans := f.spans([]video.Span{{Start: 0, End: 0.5}, {Start: 1, End: 3}, {Start: 4, End: 7}, {Start: 9, End: 9.01}, {Start: 11, End: 12}}, 16, 40) // 2 to 5 s
	if len(spans) != 2 || spans[0] != (span{0, 8, false}) || spans[1] != (span{16, 24, true}) {
		t.Fatalf("spans %+v", spans)
	}
	if s := f.spans([]video.Span{{Start: 9, End: 9.01}}, 0, 100); len(s) != 1 || math.Abs(s[0].to-s[0].from-1) > 1e-9 {
		t.Errorf("a moment becomes %+v", s)
	}
	l := c.layout([]int{c.padded(22)})
	want := c.targets(l, []int{22}, [][]span{spans})
	for i := range 24 {
		ignored := i >= 16 // cut off, or behind the end
		if (want.action[i] == -1) != ignored {
			t.Errorf("row %d is %v", i, want.action[i])
		}
	}
}

// Each position of a video belongs to one window, which has context on both sides of it.
func TestPartsCoverAVideo(t *testing.T) {
	c := small()
	for _, n := range []int{1, 31, 32, 33, 56, 57, 80, 1000} {
		parts := c.parts(n)
		for x := 0.0; x <= float64(n-1); x += 0.5 {
			owners := 0
			for _, p := range parts {
				if x >= p.first && x < p.last {
					owners++
					if x < float64(p.from) || x > float64(p.to-1) {
						t.Errorf("%d frames: place %v belongs to a window from %d to %d", n, x, p.from, p.to)
					}
				}
			}
			if owners != 1 {
				t.Errorf("%d frames: place %v belongs to %d windows", n, x, owners)
			}
		}
	}
}

// In local attention, each row is a query once, and attends to its group and both neighbors.
func TestLocalAttention(t *testing.T) {
	for _, n := range []int{1, 3, 4, 5, 8, 31, 32} {
		asked := make([]int, n)
		for _, s := range local(7, n, 4) {
			for q := s.Query - 7; q < s.Query-7+s.Queries; q++ {
				asked[q]++
				if k := s.Key - 7; k > max(0, q-1) || k+s.Keys < min(n, q+2) || k < 0 || k+s.Keys > n {
					t.Errorf("of %d rows, row %d sees %d to %d", n, q, k, k+s.Keys)
				}
			}
		}
		for i, times := range asked {
			if times != 1 {
				t.Errorf("of %d rows, row %d asks %d times", n, i, times)
			}
		}
	}
}

// The conversion between times and rows is invertible for any timestamps.
func TestClock(t *testing.T) {
	c := small()
	rapid.Check(t, func(t *rapid.T) {
		q := &feature.Sequence{ID: "a.mp4", Width: 1}
		at := rapid.Float64Range(-10, 10).Draw(t, "start")
		for range rapid.IntRange(1, 20).Draw(t, "frames") {
			q.Timestamps = append(q.Timestamps, at)
			at += rapid.Float64Range(0.1, 0.15).Draw(t, "step")
		}
		q.Features = make([]float32, q.Len())
		f, err := c.frames(q, 1)
		if err != nil {
			t.Fatal(err)
		}
		x := rapid.Float64Range(-3, float64(f.Len()+3)).Draw(t, "place")
		if back := f.index(f.seconds(x)); math.Abs(back-x) > 1e-6 {
			t.Fatalf("place %v comes back as %v", x, back)
		}
	})
}
