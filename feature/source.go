package feature

import "fmt"

// Reader reads the sequences of a store through a cache, and checks that they were made
// with one backbone.
type Reader struct {
	cache       *Cache
	fingerprint string
	dir         string
}

// NewReader returns a reader of sequences made with the backbone that has the fingerprint.
func NewReader(c *Cache, fingerprint string) *Reader {
	return &Reader{c, fingerprint, c.store.dir}
}

// Get returns a sequence, which must not be changed. The error is a [*MismatchError] if it
// was made with another backbone.
func (s *Reader) Get(id string) (*Sequence, error) {
	q, err := s.cache.Get(id)
	if err == nil && q.Provenance.Backbone != s.fingerprint {
		err = &MismatchError{Store: s.dir, ID: id, What: "backbone", Have: q.Provenance.Backbone, Want: s.fingerprint}
	}
	return q, err
}

// Segment returns a sequence and the rows from ≤ i < to of its part from start to end
// seconds, as [Sequence.Span] does. There is at least one row: a part beyond the end of the
// video is an error.
func (s *Reader) Segment(id string, start, end float64) (q *Sequence, from, to int, err error) {
	if q, err = s.Get(id); err != nil {
		return nil, 0, 0, err
	}
	from, to = q.Span(start, end)
	if from == to {
		return nil, 0, 0, fmt.Errorf("%s: no frame from %g s to %g s; the features end at %.2f s", id, start, end, q.Timestamps[q.Len()-1])
	}
	return q, from, to, nil
}

// Provenance returns the provenance of a sequence, of any backbone.
func (s *Reader) Provenance(id string) (Provenance, error) {
	q, err := s.cache.Get(id)
	if err != nil {
		return Provenance{}, err
	}
	return q.Provenance, nil
}
