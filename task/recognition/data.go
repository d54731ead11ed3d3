package recognition

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Data refers to labeled videos: the annotations, and the store with the features. It is stored in config.json of a run.
type Data struct {
	Path     string `json:"path"`     // the annotations
	Features string `json:"features"` // the store
	Format   string `json:"format,omitempty"`
	Fold     int    `json:"fold,omitempty"`
	// TestShare and SplitSeed divide data without splits.
	TestShare float64 `json:"test_share"`
	SplitSeed uint64  `json:"split_seed"`
	// For zero-shot, TrainClasses are used for training and TestClasses for testing.
	// Otherwise both are nil.
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

// Set is a list of labeled videos with stored features.
type Set struct {
	Classes []string
	Videos  []Video
	// Missing lists the samples without features, with the reason. They are not in
	// Videos; reports on the set must mention them.
	Missing []dataset.Missing

	source reader
}

// reader reads sequences, as [feature.Reader] does.
type reader interface {
	Segment(id string, start, end float64) (q *feature.Sequence, from, to int, err error)
	Provenance(id string) (feature.Provenance, error)
}

// Video is a sample of a set.
type Video struct {
	ID         string
	Class      int // in Classes
	video.Span     // that the label describes; an End of 0 is the end of the video
}

// Set returns the samples of a dataset that have features in the store.
func (o *Source) Set(d *dataset.Dataset) (*Set, error) {
	resolver, err := dataset.Stored(o.store)
	if err != nil {
		return nil, err
	}
	s := &Set{Classes: d.Classes, source: feature.NewReader(o.cache, o.backbone)}
	index := d.ClassIndex()
	matched, missing := d.Match(resolver)
	s.Missing = missing
	for _, m := range matched {
		s.Videos = append(s.Videos, Video{ID: m.ID, Class: index[m.Label], Span: video.Span{Start: m.Start, End: m.End}})
	}
	if len(s.Videos) == 0 {
		return nil, fmt.Errorf("%s: none of the %d samples has features in %s; first error: %w", d.Source, len(d.Samples), o.store.Dir(), missing[0].Err)
	}
	return s, o.store.CheckBackbone(s.Videos[0].ID, o.backbone)
}

// check returns an error unless the set has videos of its classes.
func (s *Set) check() error {
	if s == nil || len(s.Videos) == 0 {
		return errors.New("the set has no videos")
	}
	for _, v := range s.Videos {
		if v.Class < 0 || v.Class >= len(s.Classes) {
			return fmt.Errorf("video %s: class %d of %d", v.ID, v.Class, len(s.Classes))
		}
	}
	return nil
}

// load returns a video's features and the range of frames that its label describes.
func (s *Set) load(v Video) (q *feature.Sequence, from, to int, err error) {
	return s.source.Segment(v.ID, v.Start, v.End)
}

// Provenance returns the provenance of a video's features.
func (s *Set) Provenance(v Video) (feature.Provenance, error) { return s.source.Provenance(v.ID) }
