package label

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/clipcue/clipcue/internal/compute"
)

const testWidth = 32

// world is an archive of which the truth is known.
type world struct {
	m    *Moments
	true []bool // shows the label
	text []float32
	look []float32 // of the label, of length 1
}

// newWorld returns videos of ten moments of 4 s every 2 s. A twentieth of the moments show
// the label: by their embedding, or by their motion alone. The text points near the
// embedding of the label, and anywhere for a motion.
func newWorld(tb testing.TB, seed uint64, videos int, motion bool) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	unit := func(n int, scale float64) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = scale * r.NormFloat64() / math.Sqrt(float64(n))
		}
		return x
	}
	common, look, turn := unit(testWidth, 1), unit(testWidth, 1), unit(2*testWidth, 0.3)
	w := &world{m: NewMoments(axes(testWidth, 8), videos*10), look: normal(look)}
	for v := range videos {
		scene := unit(testWidth, 0.5)
		for i := range 10 {
			shows := r.IntN(20) == 0
			e, t := unit(testWidth, 0.3), unit(2*testWidth, 0.2)
			for j := range e {
				e[j] += common[j] + scene[j]
				if shows && !motion {
					e[j] += 0.6 * look[j]
				}
			}
			for j := range t {
				if shows && motion {
					t[j] += turn[j]
				}
			}
			if err := w.m.Add(Moment{Video: int64(v + 1), Start: float64(2 * i), End: float64(2*i + 4), Embedding: normal(e), Motion: moving(w.m, t)}); err != nil {
				tb.Fatal(err)
			}
			w.true = append(w.true, shows)
		}
	}
	noise := unit(testWidth, 3)
	for j := range noise {
		if !motion {
			noise[j] += look[j]
		}
	}
	w.text = normal(noise)
	return w
}

// axes returns the first n axes of a space as directions.
func axes(width, n int) *Directions {
	d := &Directions{}
	for i := range n {
		d.rows = append(d.rows, make([]float32, width))
		d.rows[i][i] = 1
	}
	for k, n := range d.sizes() {
		d.scale[k] = scales(n, nil, false)
	}
	return d
}

// moving returns a descriptor that starts with x.
func moving(m *Moments, x []float64) []float32 {
	out := make([]float32, m.directions.Width())
	copy(out, narrow(x))
	return out
}

func narrow(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}

func normal(x []float64) []float32 {
	y, length := slices.Clone(x), norm(x)
	for i := range y {
		y[i] /= length
	}
	return narrow(y)
}

func (w *world) mark(row int) Mark {
	video, start, end := w.m.Span(row)
	return Mark{video, start, end, w.true[row]}
}

// precision is the average precision of scores.
func (w *world) precision(scores []float32) float64 {
	order := make([]int, len(scores))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	var found, sum float64
	for i, row := range order {
		if w.true[row] {
			found++
			sum += found / float64(i+1)
		}
	}
	return sum / max(1, found)
}

// teach marks n moments as a truthful user does: two likely ones, then an uncertain one.
func (w *world) teach(tb testing.TB, n int) (*Teacher, []Mark) {
	var marks []Mark
	for {
		t, err := Teach(w.m, w.text, marks)
		if err != nil {
			tb.Fatal(err)
		}
		if len(marks) == n {
			return t, marks
		}
		feed := Likely
		if len(marks)%3 == 2 {
			feed = Uncertain
		}
		rows := t.Suggest(feed, 1, 0, nil)
		if len(rows) != 1 {
			tb.Fatalf("%d suggestions", len(rows))
		}
		marks = append(marks, w.mark(rows[0]))
	}
}

func TestWithoutMarksTheHeadIsTheText(t *testing.T) {
	for _, motion := range []bool{false, true} {
		w := newWorld(t, 1, 50, motion)
		h, err := Fit(w.m, w.text, nil)
		if err != nil {
			t.Fatal(err)
		}
		scores := w.m.Scores(h)
		for i := range scores {
			for j := range i {
				a, b := compute.Dot(w.text, w.m.embedding(i)), compute.Dot(w.text, w.m.embedding(j))
				if a-b > 1e-6 && scores[i] <= scores[j] {
					t.Fatalf("cosines %g and %g, scores %g and %g", a, b, scores[i], scores[j])
				}
			}
		}
	}
}

func TestMarksImproveTheHead(t *testing.T) {
	for _, c := range []struct {
		name   string
		motion bool
		least  float64
	}{{"looks", false, 0.9}, {"motions", true, 0.7}} {
		t.Run(c.name, func(t *testing.T) {
			var before, after float64
			const seeds = 3
			for seed := range uint64(seeds) {
				w := newWorld(t, seed, 100, c.motion)
				zero, _ := w.teach(t, 0)
				first := slices.Index(w.true, true)
				one, err := Teach(w.m, w.text, []Mark{w.mark(first)})
				if err != nil {
					t.Fatal(err)
				}
				many, _ := w.teach(t, 40)
				a, b, z := w.precision(zero.Scores()), w.precision(many.Scores()), w.precision(one.Scores())
				t.Logf("average precision %.3f without marks, %.3f with one, %.3f with forty", a, z, b)
				before, after = before+a/seeds, after+b/seeds
			}
			if after < c.least || after < before+0.15 {
				t.Errorf("average precision %.3f with forty marks, %.3f without", after, before)
			}
		})
	}
}

// Marks that the text explains leave the head near it, and others do not.
func TestMarksChooseTheReach(t *testing.T) {
	for _, motion := range []bool{false, true} {
		w := newWorld(t, 20, 100, motion)
		if !motion {
			w.text = w.look
		}
		teacher, marks := w.teach(t, 20)
		scale := teacher.p.reaching(marks, nil).scale
		near := scale[0] < 0.9*teacher.p.scale[0] && scale[1] < 0.9*teacher.p.scale[1]
		if near == motion {
			t.Errorf("motion %t: scales %v of %v", motion, scale, teacher.p.scale)
		}
	}
}

func TestScoresAreDotProducts(t *testing.T) {
	w := newWorld(t, 3, 30, true)
	teacher, _ := w.teach(t, 9)
	h := teacher.Head()
	row := make([]float64, testWidth+w.m.directions.Width())
	for i, got := range teacher.Scores() {
		w.m.row(row, i)
		want := h.Bias
		for j, v := range row {
			want += v * float64(h.Weights[j])
		}
		if math.Abs(want-float64(got)) > 1e-3*max(1, math.Abs(want)) {
			t.Fatalf("moment %d has score %g, want %g", i, got, want)
		}
	}
}

func TestFeedsRepeatNothing(t *testing.T) {
	w := newWorld(t, 4, 20, false)
	_, marks := w.teach(t, 6)
	rapid.Check(t, func(rt *rapid.T) {
		var given []Mark
		for _, k := range marks {
			if rapid.Bool().Draw(rt, "marked") {
				given = append(given, k)
			}
		}
		teacher, err := Teach(w.m, w.text, given)
		if err != nil {
			rt.Fatal(err)
		}
		feed := rapid.SampledFrom(Feeds()).Draw(rt, "feed")
		rows := teacher.Suggest(feed, rapid.IntRange(0, 300).Draw(rt, "number"), 7, func(row int) bool { return row%2 == 0 })
		for i, a := range rows {
			if a%2 != 0 {
				rt.Fatalf("%s has a moment that does not match", feed)
			}
			for _, k := range given {
				if w.mark(a).Overlap(k) > 0.34 {
					rt.Fatalf("%s repeats the mark %+v", feed, k)
				}
			}
			for _, b := range rows[:i] {
				if w.mark(a).Overlap(w.mark(b)) > 0 {
					rt.Fatalf("moments %d and %d of %s overlap", a, b, feed)
				}
			}
			if feed == Likely && i > 0 && teacher.Scores()[a] > teacher.Scores()[rows[i-1]] {
				rt.Fatal("likely moments are not sorted")
			}
		}
	})
}

func TestSuspectsAreWrongMarks(t *testing.T) {
	for _, positive := range []bool{true, false} {
		w := newWorld(t, 5, 100, false)
		_, marks := w.teach(t, 30)
		row := slices.IndexFunc(w.true[500:], func(shows bool) bool { return shows == positive }) + 500
		mistake := w.mark(row) // the user errs once
		mistake.Positive = !positive
		marks = append(slices.DeleteFunc(marks, func(k Mark) bool { return k.Video == mistake.Video }), mistake)
		wrong := len(marks) - 1
		teacher, err := Teach(w.m, w.text, marks)
		if err != nil {
			t.Fatal(err)
		}
		suspects, err := teacher.Suspects(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(suspects, func(s Suspect) bool { return s.Mark == wrong }); i < 0 || i > 4 {
			t.Errorf("the wrong mark %d is not among the first suspects: %+v", wrong, suspects)
		}
	}
}

func TestSpansWithoutMoments(t *testing.T) {
	w := newWorld(t, 6, 3, false)
	for _, k := range []Mark{{Video: 9, End: 4}, {Video: 1, Start: 100, End: 104}, {Video: 1, Start: -5, End: -1}} {
		if _, err := Fit(w.m, w.text, []Mark{k}); err == nil {
			t.Errorf("%+v is accepted", k)
		}
	}
	if _, err := Fit(NewMoments(axes(testWidth, 8), 0), w.text, nil); err == nil {
		t.Error("an empty archive is accepted")
	}
	if _, err := Fit(w.m, w.text[:3], nil); err == nil {
		t.Error("a text of another width is accepted")
	}
}

func TestAMarkShowsTheMomentsItOverlapsMost(t *testing.T) {
	w := newWorld(t, 7, 1, false) // moments 0–4, 2–6, …, 18–22
	for _, c := range []struct {
		start, end float64
		want       []int
	}{{2, 6, []int{1}}, {3, 5, []int{1}}, {0, 10, []int{0, 1, 2, 3}}, {2.5, 3, []int{0, 1}}, {21, 22, []int{9}}} {
		if got := w.m.showing(Mark{Video: 1, Start: c.start, End: c.end}); !slices.Equal(got, c.want) {
			t.Errorf("%g–%g shows %v, want %v", c.start, c.end, got, c.want)
		}
	}
}

func TestAllMomentsTheSame(t *testing.T) {
	m := NewMoments(axes(2, 2), 4)
	for i := range 4 {
		if err := m.Add(Moment{int64(i), 0, 4, []float32{1, 0}, nil, nil}); err != nil {
			t.Fatal(err)
		}
	}
	teacher, err := Teach(m, []float32{0, 1}, []Mark{{0, 0, 4, true}, {1, 0, 4, false}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range teacher.Scores() {
		if s-s != 0 {
			t.Errorf("score %g", s)
		}
	}
}
