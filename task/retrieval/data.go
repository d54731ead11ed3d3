package retrieval

import (
	"errors"
	"fmt"

	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// Data refers to captioned videos: the annotations, and the store with the features. It is
// stored in config.json of a run.
type Data struct {
	Path      string `json:"path"`     // the annotations
	Features  string `json:"features"` // the store
	Format    string `json:"format,omitempty"`
	TrainList string `json:"train_list,omitempty"` // MSR-VTT's, "9k" or "7k"
	// TestShare and SplitSeed divide data without splits.
	TestShare float64 `json:"test_share"`
	SplitSeed uint64  `json:"split_seed"`
}

// Source is an opened dataset with its feature store.
type Source struct {
	Dataset *dataset.Dataset
	// Skipped lists the annotations that cannot be used, such as empty captions.
	Skipped []dataset.Skipped

	store  *feature.Store
	source *feature.Reader
	found  *dataset.Resolver
}

// cacheBytes bounds the features that are kept in memory.
const cacheBytes = 1 << 30

// Open reads the annotations and opens the store. The features have to come from
// backbone b.
func (d Data) Open(b feature.Backbone) (*Source, error) {
	store, err := feature.Open(d.Features)
	if err != nil {
		return nil, err
	}
	resolver, err := dataset.Stored(store)
	if err != nil {
		return nil, err
	}
	captions, err := dataset.LoadCaptions(d.Path, dataset.CaptionOptions{Format: d.Format, TrainList: d.TrainList})
	if err != nil {
		return nil, err
	}
	divided, err := captions.Divide(d.TestShare, d.SplitSeed)
	if err != nil {
		return nil, err
	}
	return &Source{divided, captions.Skipped, store,
		feature.NewReader(feature.NewCache(store, cacheBytes), b), resolver}, nil
}

// Set returns the videos of a split that have features in the store.
func (o *Source) Set(split string) (*Set, error) {
	d, err := o.Dataset.Split(split)
	if err != nil {
		return nil, err
	}
	s := &Set{source: o.source}
	matched, missing := d.Match(o.found)
	if len(matched) == 0 {
		return nil, fmt.Errorf("%s: none of the %d captions of the %s split has a video with features in %s; first error: %w", d.Source, len(d.Samples), split, o.store.Dir(), missing[0].Err)
	}
	if _, err := o.source.Get(matched[0].ID); err != nil { // such as features of another backbone
		return nil, err
	}
	s.Missing = missing
	at := map[Video]int{}
	for _, m := range matched {
		v := Video{m.ID, video.Span{Start: m.Start, End: m.End}}
		i, ok := at[v]
		if !ok {
			i = len(s.Videos)
			at[v] = i
			s.Videos = append(s.Videos, v)
			s.of = append(s.of, nil)
		}
		s.of[i] = append(s.of[i], len(s.Captions))
		s.Captions = append(s.Captions, Caption{m.Caption, i})
	}
	return s, nil
}

// Sets returns the sets of the splits. Val and Test are nil if the data has no such
// split. Errors of all splits are joined.
func (o *Source) Sets() (sets Sets, err error) {
	part := func(split string) (*Set, error) {
		if o.Dataset.Splits()[split] == 0 {
			return nil, nil
		}
		return o.Set(split)
	}
	var errs [3]error
	sets.Train, errs[0] = part(dataset.Train)
	sets.Val, errs[1] = part(dataset.Val)
	sets.Test, errs[2] = part(dataset.Test)
	if sets.Train == nil && errs[0] == nil {
		errs[0] = fmt.Errorf("%s has no training captions", o.Dataset.Source)
	}
	return sets, errors.Join(errs[:]...)
}

// Set is a list of captioned videos with stored features.
type Set struct {
	Videos   []Video
	Captions []Caption
	// Missing lists the captions of videos without features, with the reason. They are
	// not in Captions; reports on the set must mention them.
	Missing []dataset.Missing

	of     [][]int // the captions of each video, at least one
	source *feature.Reader
}

// Video is a video, or the part of one that its captions describe.
type Video struct {
	ID         string
	video.Span // an End of 0 is the end of the video
}

// Caption is the caption of a video.
type Caption struct {
	Text  string
	Video int // in Videos
}

// Texts returns the texts of all captions.
func (s *Set) Texts() []string {
	texts := make([]string, len(s.Captions))
	for i, c := range s.Captions {
		texts[i] = c.Text
	}
	return texts
}

// Provenance returns the provenance of a video's features.
func (s *Set) Provenance(v Video) (feature.Provenance, error) { return s.source.Provenance(v.ID) }
