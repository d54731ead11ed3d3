package recognition

import (
	"fmt"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
)

// Set are labelled videos whose features are at hand.
type Set struct {
	Classes []string
	Videos  []Video
	// Missing are the samples without features, with the reason: they are left
	// out, and whoever reports on the set has to say so.
	Missing []dataset.Missing

	cache       *feature.Cache
	fingerprint string // of the backbone that the features must come from
	dir         string
}

// Video is a sample of a set.
type Video struct {
	ID         string
	Class      int // in Classes
	Start, End float64
}

// NewSet finds the stored features of a dataset's samples. The features have to
// come from the backbone with this fingerprint.
func NewSet(d *dataset.Dataset, store *feature.Store, cache *feature.Cache, fingerprint string) (*Set, error) {
	ids, err := store.IDs()
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s holds no features; make them with: clipcue extract --model MODEL --out %s VIDEOS", store.Dir(), store.Dir())
	}
	s := &Set{Classes: d.Classes, cache: cache, fingerprint: fingerprint, dir: store.Dir()}
	index := d.ClassIndex()
	resolver := dataset.NewResolver(ids)
	failed, err := store.Failures()
	if err != nil {
		return nil, err
	}
	resolver.Explain(failed)
	matched, missing := d.Match(resolver)
	s.Missing = missing
	for _, m := range matched {
		s.Videos = append(s.Videos, Video{ID: m.ID, Class: index[m.Label], Start: m.Start, End: m.End})
	}
	if len(s.Videos) == 0 {
		return nil, fmt.Errorf("%s: none of the %d samples has features in %s; the first: %w", d.Source, len(d.Samples), store.Dir(), missing[0].Err)
	}
	return s, store.CheckBackbone(s.Videos[0].ID, fingerprint)
}

// load reads a video's features and the range of frames that its label is about.
func (s *Set) load(v Video) (q *feature.Sequence, from, to int, err error) {
	if q, err = s.cache.Get(v.ID); err != nil {
		return nil, 0, 0, err
	}
	if q.Provenance.Backbone != s.fingerprint {
		return nil, 0, 0, &feature.MismatchError{Store: s.dir, ID: v.ID, Have: q.Provenance.Backbone, Want: s.fingerprint}
	}
	from, to = q.Span(v.Start, v.End)
	if from == to {
		return nil, 0, 0, fmt.Errorf("%s: no frame lies between %g s and %g s; the features end at %.2f s", v.ID, v.Start, v.End, q.Timestamps[q.Len()-1])
	}
	return q, from, to, nil
}

// Provenance says where a video's features come from.
func (s *Set) Provenance(v Video) (feature.Provenance, error) {
	q, err := s.cache.Get(v.ID)
	if err != nil {
		return feature.Provenance{}, err
	}
	return q.Provenance, nil
}
