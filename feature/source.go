package feature

import (
	"fmt"
	"strconv"
)

// Backbone identifies the backbone that features must come from.
type Backbone struct {
	Fingerprint string
	Width       int // E
}

// BackboneOf returns the identity of an encoder.
func BackboneOf(e Encoder) Backbone { return Backbone{e.Fingerprint(), e.Config().Embed} }

// check returns a [*MismatchError] unless features with the given width and fingerprint come
// from the backbone. The fingerprint alone is not enough: that of imported features was
// declared and not computed.
func (b Backbone) check(store, id, fingerprint string, width int) error {
	switch {
	case fingerprint != b.Fingerprint:
		return &MismatchError{Store: store, ID: id, What: "backbone", Have: fingerprint, Want: b.Fingerprint}
	case width != b.Width:
		return &MismatchError{Store: store, ID: id, What: "width", Have: strconv.Itoa(width), Want: strconv.Itoa(b.Width)}
	}
	return nil
}

// CheckBackbone returns a [*MismatchError] unless a stored sequence comes from the backbone.
// It reads only the header of the sequence.
func (s *Store) CheckBackbone(id string, b Backbone) error {
	h, err := s.header(id)
	if err != nil {
		return err
	}
	return b.check(s.dir, id, h.Backbone, h.width)
}

// Reader reads the sequences of a store through a cache, and checks that they come from one
// backbone.
type Reader struct {
	cache    *Cache
	backbone Backbone
}

// NewReader returns a reader of sequences of a backbone.
func NewReader(c *Cache, b Backbone) *Reader { return &Reader{c, b} }

// Get returns a sequence, which must not be changed. The error is a [*MismatchError] if it
// comes from another backbone.
func (s *Reader) Get(id string) (*Sequence, error) {
	q, err := s.cache.Get(id)
	if err != nil {
		return nil, err
	}
	return q, s.backbone.check(s.cache.store.dir, id, q.Provenance.Backbone, q.Width)
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
