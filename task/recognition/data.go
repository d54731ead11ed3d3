package recognition

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
)

// Data names labeled videos: annotations, and the store that holds the videos'
// features. It is written into a run's config.json.
type Data struct {
	Path     string `json:"path"`     // the annotations
	Features string `json:"features"` // the store
	Format   string `json:"format,omitempty"`
	Fold     int    `json:"fold,omitempty"`
	// TestShare and Seed divide data that says no splits.
	TestShare float64 `json:"test_share"`
	SplitSeed uint64  `json:"split_seed"`
	// TrainClasses and TestClasses, for zero-shot: learn from the videos of some
	// classes, test on those of others. Both are nil otherwise.
	TrainClasses []string `json:"train_classes,omitempty"`
	TestClasses  []string `json:"test_classes,omitempty"`
}

// Source is an opened dataset with its feature store.
type Source struct {
	Dataset  *dataset.Dataset
	Warnings []string // about the annotations

	store    *feature.Store
	cache    *feature.Cache
	backbone feature.Backbone
}

// Open reads the annotations and opens the store. The features have to come from
// backbone b.
func (d Data) Open(b feature.Backbone) (*Source, error) {
	store, err := feature.Open(d.Features)
	if err != nil {
		return nil, err
	}
	data, err := dataset.Load(d.Path, dataset.Options{Format: d.Format, Fold: d.Fold})
	if err != nil {
		return nil, err
	}
	warnings, err := data.Validate()
	if err != nil {
		return nil, err
	}
	if data, err = data.Divide(d.TestShare, d.SplitSeed); err != nil {
		return nil, err
	}
	return &Source{data, warnings, store, feature.NewCache(store, cacheBytes), b}, nil
}

// cacheBytes bounds the features that are kept in memory.
const cacheBytes = 1 << 30

// Set finds the features of samples.
func (o *Source) Set(d *dataset.Dataset) (*Set, error) {
	return NewSet(d, o.store, o.cache, o.backbone)
}

// Sets returns the sets of the splits. Val and Test are nil if the data has no such
// split. Errors of all splits are joined.
func (d Data) Sets(s *Source) (sets Sets, err error) {
	trainData, testData := s.Dataset, s.Dataset
	if d.TrainClasses != nil {
		if trainData, testData, err = dataset.SplitClasses(s.Dataset, d.TrainClasses, d.TestClasses); err != nil {
			return Sets{}, err
		}
	}
	part := func(from *dataset.Dataset, split string) (*Set, error) {
		if from.Splits()[split] == 0 {
			return nil, nil
		}
		part, err := from.Split(split)
		if err != nil {
			return nil, err
		}
		return s.Set(part)
	}
	var errs [3]error
	sets.Train, errs[0] = part(trainData, dataset.Train)
	sets.Val, errs[1] = part(testData, dataset.Val)
	sets.Test, errs[2] = part(testData, dataset.Test)
	if sets.Train == nil && errs[0] == nil {
		errs[0] = fmt.Errorf("%s has no training samples", d.Path)
	}
	return sets, errors.Join(errs[:]...)
}

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
// come from backbone b.
func NewSet(d *dataset.Dataset, store *feature.Store, cache *feature.Cache, b feature.Backbone) (*Set, error) {
	resolver, err := dataset.Stored(store)
	if err != nil {
		return nil, err
	}
	s := &Set{Classes: d.Classes, source: feature.NewReader(cache, b)}
	index := d.ClassIndex()
	matched, missing := d.Match(resolver)
	s.Missing = missing
	for _, m := range matched {
		s.Videos = append(s.Videos, Video{ID: m.ID, Class: index[m.Label], Start: m.Start, End: m.End})
	}
	if len(s.Videos) == 0 {
		return nil, fmt.Errorf("%s: none of the %d samples has features in %s; first error: %w", d.Source, len(d.Samples), store.Dir(), missing[0].Err)
	}
	return s, store.CheckBackbone(s.Videos[0].ID, b)
}

// load reads a video's features and the range of frames that its label is about.
func (s *Set) load(v Video) (q *feature.Sequence, from, to int, err error) {
	return s.source.Segment(v.ID, v.Start, v.End)
}

// Provenance says where a video's features come from.
func (s *Set) Provenance(v Video) (feature.Provenance, error) { return s.source.Provenance(v.ID) }
