package recognition

import (
	"fmt"

	"github.com/clipcue/clipcue/feature"
)

// Memory returns a set of sequences in memory: sequence i shows class of[i] of the classes.
// They must come from the backbone that the set is used with.
func Memory(classes []string, sequences []*feature.Sequence, of []int) *Set {
	s := &Set{Classes: classes}
	memory := memory{}
	for i, q := range sequences {
		id := fmt.Sprint(i)
		s.Videos, memory[id] = append(s.Videos, Video{ID: id, Class: of[i]}), q
	}
	s.source = memory
	return s
}

// memory holds sequences by their IDs in a set.
type memory map[string]*feature.Sequence

func (m memory) Segment(id string, start, end float64) (q *feature.Sequence, from, to int, err error) {
	q = m[id]
	from, to = q.Span(start, end)
	if from == to {
		return nil, 0, 0, fmt.Errorf("sequence %s has no frame from %g s to %g s", id, start, end)
	}
	return q, from, to, nil
}

func (m memory) Provenance(id string) (feature.Provenance, error) { return m[id].Provenance, nil }
