package proposal

import (
	"cmp"
	"math"
	"slices"
)

// SoftNMS takes the proposal of the highest score out of all, again and again, and
// lowers the score of the others by exp(-tIoU²/sigma) (Bodla et al., ICCV 2017,
// with a Gaussian). It returns at most most of them, of at least the score floor,
// by falling score, and overwrites p.
func SoftNMS(p []Proposal, sigma, floor float64, most int) []Proposal {
	p = slices.DeleteFunc(p, func(q Proposal) bool { return !(q.Score >= floor) })
	// Of equal scores the earliest is taken, so that it does not depend on what came
	// first.
	slices.SortFunc(p, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var out []Proposal
	for len(p) > 0 && len(out) < most {
		best := 0
		for i := range p {
			if p[i].Score > p[best].Score {
				best = i
			}
		}
		b := p[best]
		out = append(out, b)
		left := p[:0]
		for i, q := range p {
			if i == best {
				continue
			}
			if q.Start < b.End && q.End > b.Start {
				o := b.TIoU(q.Segment)
				if q.Score *= math.Exp(-o * o / sigma); q.Score < floor {
					continue
				}
			}
			left = append(left, q)
		}
		p = left
	}
	return out
}
