package localization

import (
	"context"
	"fmt"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// Proposals holds a list of proposals by decreasing score for each video of a set, in the
// order of the set.
type Proposals [][]proposal.Proposal

// Propose runs a detector over a set.
func (s *Set) Propose(ctx context.Context, d *proposal.Detector, p progress.Func) (Proposals, error) {
	bar := p.Start("propose", int64(len(s.Videos)), "videos")
	defer bar.Finish()
	return s.each(func(i int, q *feature.Sequence) ([]proposal.Proposal, error) {
		defer bar.Add(1)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return propose(ctx, d, q)
	})
}

func (s *Set) each(of func(i int, q *feature.Sequence) ([]proposal.Proposal, error)) (Proposals, error) {
	out := make(Proposals, len(s.Videos))
	for i, v := range s.Videos {
		q, err := s.Load(v)
		if err == nil {
			out[i], err = of(i, q)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// TrueProposals returns the annotated segments with score 1. They give the upper limit of
// the second stage.
func (s *Set) TrueProposals() Proposals {
	out := make(Proposals, len(s.Videos))
	for i, v := range s.Videos {
		for _, x := range v.Segments {
			out[i] = append(out[i], proposal.Proposal{Span: video.Span{Start: x.Start, End: x.End}, Score: 1})
		}
	}
	return out
}

// Windows returns n windows with score 1 for each video, spread evenly: a baseline that uses
// only the lengths of segments.
func (s *Set) Windows(n int) (Proposals, error) {
	lengths := proposal.SegmentLengths(s.onPlayersClock(), 8)
	return s.each(func(_ int, q *feature.Sequence) ([]proposal.Proposal, error) {
		whole := video.Span{End: Duration(q)}
		if len(lengths) == 0 || whole.End <= 0 {
			return nil, nil
		}
		return proposal.SlidingWindows(whole, lengths, n), nil
	})
}

// Duration returns the end of a video: the declared duration, or the end of the last frame
// if that is later or no duration is declared.
func Duration(q *feature.Sequence) float64 {
	end := q.Timestamps[q.Len()-1] - q.Provenance.StartTime
	if q.Provenance.Duration > end {
		return q.Provenance.Duration
	}
	if rate := q.FrameRate(); rate > 0 {
		end += 1 / rate
	}
	return end
}

// ClipProposals limits proposals to a video of the given seconds, and drops those outside it.
func ClipProposals(p []proposal.Proposal, seconds float64) []proposal.Proposal {
	var kept []proposal.Proposal
	for _, x := range p {
		if x.Start, x.End = max(x.Start, 0), min(x.End, seconds); x.Start < x.End {
			kept = append(kept, x)
		}
	}
	return kept
}

// MatchProposals returns the proposals in results for each video of the set, and how
// many videos have no entry in the results; these get no proposals. A name that matches
// several videos is an error.
func (s *Set) MatchProposals(r Results) (p Proposals, unnamed int, err error) {
	p = make(Proposals, len(s.Videos))
	find, owner := r.Finder(), map[string]string{}
	for i, v := range s.Videos {
		id, found, err := find(v.Path)
		switch {
		case err != nil:
			return nil, 0, fmt.Errorf("proposals of %w", err)
		case id == "":
			unnamed++
		case owner[id] != "":
			return nil, 0, fmt.Errorf("proposals of %q match both video %q and %q", id, owner[id], v.Path)
		}
		if id != "" {
			owner[id] = v.Path
		}
		p[i] = ToProposals(found)
	}
	return p, unnamed, nil
}

// results returns the proposals of a set by the video names of its annotations.
func (s *Set) results(p Proposals) Results {
	r := Results{}
	for i, v := range s.Videos {
		r[v.Path] = FromProposals(p[i])
	}
	return r
}

func (s *Set) onPlayersClock() []proposal.Example {
	out := make([]proposal.Example, len(s.Videos))
	for i, v := range s.Videos {
		out[i].ID = v.ID
		for _, x := range v.Segments {
			out[i].Segments = append(out[i].Segments, video.Span{Start: x.Start, End: x.End})
		}
	}
	return out
}

// Recall holds the class-agnostic recall of proposals: the share of all segments that one of
// the N best proposals of their video overlaps by a tIoU, the mean over the tIoUs
// 0.5:0.05:0.95 (ActivityNet's AR@AN, with the same N for every video).
type Recall struct {
	AR  []float64 `json:"ar"`  // at N = 1, 2, … 100
	AUC float64   `json:"auc"` // the area under AR over N, from 0 to 1
}

// maxProposals is the highest N of Recall.
const maxProposals = 100

// At returns the average recall with n proposals per video, from 1 to 100.
func (r *Recall) At(n int) float64 { return r.AR[n-1] }

// recall measures the proposals of a set.
func (s *Set) recall(p Proposals) (*Recall, error) {
	ns := make([]int, maxProposals)
	for i := range ns {
		ns[i] = i + 1
	}
	ar, err := proposal.AverageRecall(s.onPlayersClock(), p, proposal.ActivityNetThresholds, ns)
	return newRecall(ar), err
}

// WindowRecall returns the recall of [Set.Windows] with N windows for each N.
func (s *Set) WindowRecall() (*Recall, error) {
	ar := make([]float64, maxProposals)
	for i := range ar {
		p, err := s.Windows(i + 1)
		if err != nil {
			return nil, err
		}
		r, err := proposal.AverageRecall(s.onPlayersClock(), p, proposal.ActivityNetThresholds, []int{i + 1})
		if err != nil {
			return nil, err
		}
		ar[i] = r[0]
	}
	return newRecall(ar), nil
}

// newRecall adds the area under the curve, by trapezoids as in ActivityNet's evaluation.
func newRecall(ar []float64) *Recall {
	r := &Recall{AR: ar}
	for n := 1; n < len(ar); n++ {
		r.AUC += (ar[n-1] + ar[n]) / 2 / float64(len(ar))
	}
	return r
}
