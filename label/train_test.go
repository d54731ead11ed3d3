package label

import (
	"math"
	"math/rand/v2"
	"testing"
)

// newParity returns single moments whose embeddings have two signs. The label is shown by
// those with equal signs, which no linear head can tell.
func newParity(t *testing.T) *world {
	r := rand.New(rand.NewPCG(5, 6))
	w := &world{m: NewMoments(axes(8, 8), 300), text: normal([]float64{0, 0, 0, 0, 0, 0, 0, 1})}
	for v := range 300 {
		e := make([]float64, 8)
		for j := range e {
			e[j] = 0.1 * r.NormFloat64()
		}
		a, b := float64(2*r.IntN(2)-1), float64(2*r.IntN(2)-1)
		e[0], e[1], e[2] = 1, e[1]+a, e[2]+b
		if err := w.m.Add(Moment{Video: int64(v), End: 2, Embedding: normal(e)}); err != nil {
			t.Fatal(err)
		}
		w.true = append(w.true, a == b)
	}
	return w
}

func TestTrainLearnsWhatIsNotLinear(t *testing.T) {
	w := newParity(t)
	var marks []Mark
	for row := range 40 {
		marks = append(marks, w.mark(row))
	}
	linear, err := Teach(w.m, w.text, marks)
	if err != nil {
		t.Fatal(err)
	}
	trained, err := Train(w.m, w.text, marks)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := w.precision(linear.Scores()), w.precision(trained.Scores()); b < 0.95 || b < a+0.2 {
		t.Errorf("average precision %.3f, linear %.3f", b, a)
	}
	for _, teacher := range []*Teacher{linear, trained} {
		c, err := teacher.Compare(t.Context())
		if err != nil || !c.Better || c.Marks != 40 || c.Videos != 40 || c.TrainedLoss >= c.LinearLoss {
			t.Errorf("%+v, %v", c, err)
		}
	}
	motion := make([]float64, w.m.directions.Width())
	for i, want := range trained.Scores()[:5] {
		w.m.motion(motion, i)
		if got := trained.Head().Score(w.m.embedding(i), narrow(motion)); math.Abs(got-float64(want)) > 1e-3 {
			t.Errorf("moment %d: score %g, want %g", i, got, want)
		}
	}
}

// A label that is linear keeps its head, and without marks a trained head is the text.
func TestTrainKeepsWhatIsGood(t *testing.T) {
	w := newWorld(t, 40, 60, false)
	teacher, marks := w.teach(t, 20)
	c, err := teacher.Compare(t.Context())
	if err != nil || math.IsNaN(c.LinearLoss) || math.IsNaN(c.Error) {
		t.Fatalf("%+v, %v", c, err)
	}
	trained, err := Train(w.m, w.text, marks)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := w.precision(teacher.Scores()), w.precision(trained.Scores()); b < a-0.1 {
		t.Errorf("average precision %.3f, linear %.3f", b, a)
	}
	a, err := Teach(w.m, w.text, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Train(w.m, w.text, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Scores() {
		if a.Scores()[i] != b.Scores()[i] {
			t.Fatalf("moment %d: %g and %g", i, a.Scores()[i], b.Scores()[i])
		}
	}
}
