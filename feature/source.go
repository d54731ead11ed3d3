package feature

import "fmt"

// Reader reads the sequences of a store that come from one backbone, through a
// cache.
type Reader struct {
	cache       *Cache
	fingerprint string
	dir         string
}

// NewReader makes a source from a store's cache. The features have to come from
// the backbone with this fingerprint.
func NewReader(c *Cache, fingerprint string) *Reader {
	return &Reader{c, fingerprint, c.store.dir}
}

// Get returns a sequence. One of another backbone is a [MismatchError].
func (s *Reader) Get(id string) (*Sequence, error) {
	q, err := s.cache.Get(id)
	if err == nil && q.Provenance.Backbone != s.fingerprint {
		err = &MismatchError{Store: s.dir, ID: id, What: "backbone", Have: q.Provenance.Backbone, Want: s.fingerprint}
	}
	return q, err
}

// Part returns a sequence and the rows from ≤ i < to of its part from start to end
// seconds, at least one, as [Sequence.Span] says. A part
// beyond the video's end is an error.
func (s *Reader) Segment(id string, start, end float64) (q *Sequence, from, to int, err error) {
	if q, err = s.Get(id); err != nil {
		return nil, 0, 0, err
	}
	from, to = q.Span(start, end)
	if from == to {
		return nil, 0, 0, fmt.Errorf("%s: no frame lies between %g s and %g s; the features end at %.2f s", id, start, end, q.Timestamps[q.Len()-1])
	}
	return q, from, to, nil
}

// Provenance says where a sequence comes from.
func (s *Reader) Provenance(id string) (Provenance, error) {
	q, err := s.cache.Get(id)
	if err != nil {
		return Provenance{}, err
	}
	return q.Provenance, nil
}
