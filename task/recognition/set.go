package recognition

import (
	"fmt"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
)

// Set are labeled videos whose features are at hand.
type Set struct {
	Classes []string
	Videos  []Video
	// Missing are the samples without features, with the reason: they are left
	// out, and whoever reports on the set has to say so.
	Missing []dataset.Missing

	source *feature.Reader
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
	resolver, err := dataset.Stored(store)
	if err != nil {
		return nil, err
	}
	s := &Set{Classes: d.Classes, source: feature.NewReader(cache, fingerprint)}
	index := d.ClassIndex()
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
	return s.source.Segment(v.ID, v.Start, v.End)
}

// Provenance says where a video's features come from.
func (s *Set) Provenance(v Video) (feature.Provenance, error) { return s.source.Provenance(v.ID) }
