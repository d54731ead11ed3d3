package localization

import (
	"cmp"
	"slices"

	"github.com/clipcue/clipcue/dataset"
)

// Recall is how much of what happens proposals find, whatever it is: the share of
// all segments that one of each video's N best proposals overlaps by a tIoU, the
// mean over the tIoUs 0.5:0.05:0.95 (ActivityNet's AR@AN, with the same N for every
// video).
type Recall struct {
	AR  []float64 `json:"ar"`  // at N = 1, 2, … 100
	AUC float64   `json:"auc"` // of AR over N, as a share of what it can be
}

// mostProposals is how many proposals a video AR is measured with.
const mostProposals = 100

// At returns the average recall with n proposals a video, from 1 to 100.
func (r *Recall) At(n int) float64 { return r.AR[n-1] }

// AverageRecall measures the proposals of videos, by the path that the truth names
// them by.
func AverageRecall(truth *dataset.Segments, proposals map[string][]Proposal) *Recall {
	hits := make([]float64, mostProposals) // that the n-th proposal adds
	total := 0
	for _, v := range truth.Videos {
		best := slices.Clone(proposals[v.Path])
		slices.SortFunc(best, func(a, b Proposal) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		best = best[:min(len(best), mostProposals)]
		for _, x := range v.Segments {
			total++
			reached := 0
			for n, p := range best {
				t := TIoU([2]float64{x.Start, x.End}, [2]float64{p.Start, p.End})
				for reached < len(ActivityNet) && t >= ActivityNet[reached] {
					hits[n] += 1 / float64(len(ActivityNet))
					reached++
				}
			}
		}
	}
	r := &Recall{AR: make([]float64, mostProposals)}
	sum := 0.0
	for n := range hits {
		sum += hits[n]
		r.AR[n] = sum / float64(max(total, 1))
	}
	for n := 1; n < mostProposals; n++ { // trapezoids, as ActivityNet's evaluation
		r.AUC += (r.AR[n-1] + r.AR[n]) / 2 / mostProposals
	}
	return r
}
