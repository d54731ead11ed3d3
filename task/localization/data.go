package localization

import (
	"fmt"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// Data refers to annotated videos: the annotations, and the store with the features. It is
// stored in config.json of a run.
type Data struct {
	Path     string `json:"path"`     // the annotations
	Features string `json:"features"` // the store
	Format   string `json:"format,omitempty"`
	// TrainSplit is the split for training, EvalSplit the one for evaluation.
	TrainSplit string `json:"train_split"`
	EvalSplit  string `json:"eval_split"`
	// TestShare and SplitSeed divide data without splits.
	TestShare float64 `json:"test_share"`
	SplitSeed uint64  `json:"split_seed"`
	// For zero-shot, videos that show only TrainClasses are used for training, and
	// TestClasses for testing. Otherwise both are nil.
	TrainClasses []string `json:"train_classes,omitempty"`
	TestClasses  []string `json:"test_classes,omitempty"`
}

// Source is an opened dataset with its feature store.
type Source struct {
	Segments *dataset.Segments
	Warnings []string // about the annotations

	store    *feature.Store
	cache    *feature.Cache
	backbone feature.Backbone
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
	s, err := dataset.LoadSegments(d.Path, d.Format)
	if err != nil {
		return nil, err
	}
	warnings := s.Warnings()
	if s, err = s.Divide(d.TestShare, d.SplitSeed); err != nil {
		return nil, err
	}
	if n := s.Splits(); n[""] > 0 {
		return nil, fmt.Errorf("%s: %d of %d videos have no split, but the others have one", d.Path, n[""], len(s.Videos))
	}
	return &Source{s, warnings, store, feature.NewCache(store, cacheBytes), b}, nil
}

// Sets returns the training set, and the set of EvalSplit: as Val if that is the
// validation split, otherwise as Test. Both are nil if no video of EvalSplit has a
// segment, or if it is the training split. excluded counts the videos of the training
// split that zero-shot training cannot use because they show other classes.
func (d Data) Sets(s *Source) (sets Sets, excluded int, err error) {
	from, to := s.Segments, s.Segments
	if d.TrainClasses != nil {
		if from, to, excluded, err = dataset.SplitSegments(s.Segments, d.TrainClasses, d.TestClasses); err != nil {
			return Sets{}, 0, err
		}
	}
	part, err := from.Split(d.TrainSplit)
	if err != nil {
		return Sets{}, 0, err
	}
	if sets.Train, err = s.Set(part); err != nil {
		return Sets{}, 0, err
	}
	if d.TrainClasses == nil && d.EvalSplit == d.TrainSplit {
		return sets, excluded, nil
	}
	if part, err = to.Split(d.EvalSplit); err != nil || part.Count() == 0 {
		return sets, excluded, nil
	}
	evaluated := &sets.Test
	if d.EvalSplit == dataset.Val {
		evaluated = &sets.Val
	}
	*evaluated, err = s.Set(part)
	return sets, excluded, err
}

// Set is a list of annotated videos with stored features.
type Set struct {
	Classes []string
	Videos  []dataset.MatchedVideo
	// Missing lists the videos without features, with the reason. They are not in Videos;
	// reports on the set must mention them.
	Missing []dataset.MissingVideo

	source   *dataset.Segments
	cache    *feature.Cache
	features *feature.Reader // through the cache
}

// Set returns the videos that have features in the store.
func (o *Source) Set(s *dataset.Segments) (*Set, error) {
	resolver, err := dataset.Stored(o.store)
	if err != nil {
		return nil, err
	}
	set := &Set{Classes: s.Classes, source: s, cache: o.cache, features: feature.NewReader(o.cache, o.backbone)}
	set.Videos, set.Missing = s.Match(resolver)
	if len(set.Videos) == 0 {
		return nil, fmt.Errorf("%s: none of the %d videos has features in %s; first error: %w", s.Source, len(s.Videos), o.store.Dir(), set.Missing[0].Err)
	}
	return set, o.store.CheckBackbone(set.Videos[0].ID, o.backbone)
}

// Truth returns the annotations of the videos with features.
func (s *Set) Truth() *dataset.Segments {
	t := *s.source
	t.Videos = nil
	for _, v := range s.Videos {
		t.Videos = append(t.Videos, v.Untrimmed)
	}
	return &t
}

// Load returns the features of a video.
func (s *Set) Load(v dataset.MatchedVideo) (*feature.Sequence, error) {
	return s.features.Get(v.ID)
}

// Provenance returns the provenance of a video's features.
func (s *Set) Provenance(v dataset.MatchedVideo) (feature.Provenance, error) {
	return s.features.Provenance(v.ID)
}

// OutOfRange returns the segments that contain no frame of their video's features. It
// also returns, marked as kept, segments that end after their video although the
// annotations give no duration for it.
func (s *Set) OutOfRange() ([]dataset.Fault, error) {
	var out []dataset.Fault
	for _, v := range s.Videos {
		q, err := s.Load(v)
		if err != nil {
			return nil, err
		}
		for _, x := range v.Segments {
			if from, to := q.Span(x.Start, x.End); from == to {
				out = append(out, dataset.Fault{Path: v.Path, Segment: x, Reason: fmt.Sprintf("the features end at %.2f s", q.Timestamps[q.Len()-1]), Dropped: true})
			} else if end := Duration(q); v.Duration == 0 && x.End > end+1 {
				out = append(out, dataset.Fault{Path: v.Path, Segment: x, Reason: fmt.Sprintf("the video ends at %.2f s", end)})
			}
		}
	}
	return out, nil
}

// examples returns the videos for stage 1, on the clock of their features.
func (s *Set) examples() ([]proposal.Example, error) {
	out := make([]proposal.Example, len(s.Videos))
	for i, v := range s.Videos {
		q, err := s.Load(v)
		if err != nil {
			return nil, err
		}
		out[i].ID = v.ID
		for _, x := range v.Segments {
			if from, to := q.Span(x.Start, x.End); from < to {
				zero := q.Provenance.StartTime
				out[i].Segments = append(out[i].Segments, video.Span{Start: x.Start + zero, End: x.End + zero})
			}
		}
	}
	return out, nil
}

// spans returns the frame ranges of proposals, and the proposals that contain any frame.
func spans(q *feature.Sequence, proposals []proposal.Proposal) ([]adapter.RowRange, []proposal.Proposal) {
	var rows []adapter.RowRange
	var kept []proposal.Proposal
	for _, p := range proposals {
		if from, to := q.Span(p.Start, p.End); from < to {
			rows, kept = append(rows, adapter.RowRange{From: from, To: to}), append(kept, p)
		}
	}
	return rows, kept
}
