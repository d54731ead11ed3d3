package proposal

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/clipcue/clipcue/video"
)

func TestSoftNMS(t *testing.T) {
	p := []Proposal{{video.Span{Start: 0, End: 10}, 0.9}, {video.Span{Start: 5, End: 15}, 0.8}, {video.Span{Start: 20, End: 30}, 0.5}, {video.Span{Start: 0, End: 9}, 0.6}, {video.Span{Start: 3, End: 4}, 0.01}}
	// The tIoU of the first is 1/3 with the second and 0.9 with the fourth; that of the second
	// with the fourth is 4/15.
	second := 0.8 * math.Exp(-1.0/9/0.5)
	fourth := 0.6 * math.Exp(-0.81/0.5) * math.Exp(-16.0/225/0.5)
	want := []Proposal{p[0], {p[1].Span, second}, p[2], {p[3].Span, fourth}}
	got := softNMS(slices.Clone(p), 0.5, 0.05, 10)
	if len(got) != len(want) {
		t.Fatalf("%v instead of %v", got, want)
	}
	for i := range want {
		if got[i].Span != want[i].Span || math.Abs(got[i].Score-want[i].Score) > 1e-12 {
			t.Errorf("%v instead of %v", got[i], want[i])
		}
	}
	if two := softNMS(slices.Clone(p), 0.5, 0.05, 2); fmt.Sprint(two) != fmt.Sprint(got[:2]) {
		t.Errorf("the best two are %v", two)
	}
}

// The result does not depend on the order of the input, even for equal scores.
func TestSoftNMSTakesAnyOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var p []Proposal
	for range 200 {
		start := float64(rng.IntN(50))
		p = append(p, Proposal{video.Span{Start: start, End: start + 1 + float64(rng.IntN(20))}, float64(1+rng.IntN(4)) / 4})
	}
	want := softNMS(slices.Clone(p), 0.5, 0.01, 100)
	for range 5 {
		rng.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
		if got := softNMS(slices.Clone(p), 0.5, 0.01, 100); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("another order gives\n%v\ninstead of\n%v", got, want)
		}
	}
	for i, q := range want[1:] {
		if q.Score > want[i].Score {
			t.Errorf("%v follows %v", q, want[i])
		}
	}
}

// Groups do not change the result: a plain loop gives the same.
func TestSoftNMSOfManyProposals(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 1))
	for range 20 {
		var p []Proposal
		for range 1 + rng.IntN(1500) {
			start := float64(rng.IntN(400))
			p = append(p, Proposal{video.Span{Start: start, End: start + 1 + float64(rng.IntN(20)*(1+rng.IntN(4)))}, float64(rng.IntN(20)) / 20})
		}
		most := 1 + rng.IntN(600)
		got := softNMS(slices.Clone(p), 0.5, 0.1, most)
		slices.SortFunc(p, func(a, b Proposal) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
		var want []Proposal
		for len(want) < most {
			p = slices.DeleteFunc(p, func(q Proposal) bool { return q.Score < 0.1 })
			if len(p) == 0 {
				break
			}
			best := slices.MaxFunc(p, func(a, b Proposal) int { return cmp.Compare(a.Score, b.Score) })
			want = append(want, best)
			i := slices.Index(p, best)
			p = slices.Delete(p, i, i+1)
			for j := range p {
				o := best.TIoU(p[j].Span)
				p[j].Score *= math.Exp(-o * o / 0.5)
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d proposals instead of %d, or others", len(got), len(want))
		}
	}
}

func averageRecall(t *testing.T, examples []Example, proposals [][]Proposal, tIoUs []float64, ns []int) []float64 {
	t.Helper()
	r, err := AverageRecall(examples, proposals, tIoUs, ns)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecall(t *testing.T) {
	examples := []Example{
		{ID: "a", Segments: []video.Span{{Start: 0, End: 10}, {Start: 20, End: 30}}},
		{ID: "b"},
		{ID: "c", Segments: []video.Span{{Start: 5, End: 6}}},
	}
	found := [][]Proposal{
		{{video.Span{Start: 0, End: 8}, 0.9}, {video.Span{Start: 20, End: 30}, 0.5}}, // tIoU 0.8 and 1
		{{video.Span{Start: 0, End: 1}, 0.4}},
		nil,
	}
	for _, c := range []struct {
		n    int
		want float64
	}{
		{0, 0}, {1, 1.0 / 6}, {2, 3.0 / 6}, {100, 3.0 / 6},
	} {
		if got := averageRecall(t, examples, found, []float64{0.7, 0.9}, []int{c.n})[0]; math.Abs(got-c.want) > 1e-12 {
			t.Errorf("average recall at %d: %v instead of %v", c.n, got, c.want)
		}
	}
	if got := averageRecall(t, []Example{{ID: "b"}}, [][]Proposal{nil}, ActivityNetThresholds, []int{5})[0]; got != 0 {
		t.Errorf("without any segment it is %v", got)
	}
}

func TestSlidingWindows(t *testing.T) {
	lengths := SegmentLengths([]Example{{Segments: []video.Span{{Start: 0, End: 1}, {Start: 3, End: 5}}}, {}, {Segments: []video.Span{{Start: 0, End: 40}, {Start: 1, End: 5}}}}, 2)
	if fmt.Sprint(lengths) != "[2 40]" {
		t.Errorf("lengths %v", lengths)
	}
	got := SlidingWindows(video.Span{Start: 100, End: 120}, lengths, 7)
	if len(got) != 7 {
		t.Errorf("%d windows", len(got))
	}
	for i, p := range got {
		want := 20.0 // the video is no longer
		if i < 3 {
			want = 2
		}
		if math.Abs(p.End-p.Start-want) > 1e-9 || p.Start < 100 || p.End > 120+1e-9 {
			t.Errorf("window %d is %v", i, p)
		}
	}
	if got := SlidingWindows(video.Span{Start: 0, End: 10}, nil, 7); got != nil {
		t.Errorf("of no lengths: %v", got)
	}
}
