package label

// Evidence is what another model says about the moments of an archive: a model that was
// trained from the marks, and that looks at frames.

// TeachWith is [Teach] with one more input: evidence, a number for each moment [n], of which
// random moments have mean 0 and variance 1. The marks decide how much it counts.
func TeachWith(m *Moments, text []float32, marks []Mark, evidence []float32) (*Teacher, error) {
	return teach(m, text, marks, false, evidence)
}

// evidenceParts is the number of models that are trained, each without a part of the videos.
const evidenceParts = 3

// Lesson is what one of several models is trained on, so that others can judge it.
type Lesson struct {
	Positive, Negative []int // moments
	// Held are the videos with marks that the model must not see.
	Held map[int64]bool
}

// Lessons returns what models are trained on. Each video with marks is held by one of them.
// Besides those of negative marks, negative moments are some that are not marked: a few of
// them may show the label. There is an error unless the marks allow a cross-validation.
func (t *Teacher) Lessons() ([]Lesson, error) {
	if err := t.estimable(); err != nil {
		return nil, err
	}
	part := t.parts(evidenceParts)
	out := make([]Lesson, evidenceParts)
	for i := range out {
		l := Lesson{Held: map[int64]bool{}}
		var marks []Mark
		for _, k := range t.marks {
			if part[k.Video] == i {
				l.Held[k.Video] = true
			} else {
				marks = append(marks, k)
			}
		}
		examples, err := t.p.examples(marks, l.Held)
		if err != nil {
			return nil, err
		}
		for _, e := range examples {
			if e.target > 0 {
				l.Positive = append(l.Positive, e.row)
			} else {
				l.Negative = append(l.Negative, e.row)
			}
		}
		out[i] = l
	}
	return out, nil
}
