package proposal

import (
	"cmp"
	"math"
	"slices"
)

// softNMS repeatedly selects the proposal with the highest score and multiplies the scores of
// the others by exp(-tIoU²/sigma) (Bodla et al., ICCV 2017, with a Gaussian). It returns up to
// n proposals with a score of at least minScore by decreasing score, and overwrites p.
func softNMS(p []Proposal, sigma, minScore float64, n int) []Proposal {
	p = slices.DeleteFunc(p, func(q Proposal) bool { return !(q.Score >= max(minScore, 0)) })
	// Of equal scores the earliest is selected, so the order of the input has no effect.
	slices.SortFunc(p, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var out []Proposal
	groups := grouped(p)
	for len(out) < n {
		// The first of equal ones.
		var first *group
		for i := range groups {
			if g := &groups[i]; g.best >= 0 && (first == nil || g.p[g.best].Score > first.p[first.best].Score) {
				first = g
			}
		}
		if first == nil {
			break
		}
		b := first.p[first.best]
		out = append(out, b)
		first.p[first.best].Score = gone
		first.refresh()
		for i := range groups {
			g := &groups[i]
			if g.p[0].Start >= b.End {
				break
			}
			if g.end <= b.Start {
				continue
			}
			for j := range g.p {
				if q := &g.p[j]; q.Score != gone && q.Start < b.End && q.End > b.Start {
					o := b.TIoU(q.Span)
					if q.Score *= math.Exp(-o * o / sigma); q.Score < minScore {
						q.Score = gone
					}
				}
			}
			g.refresh()
		}
	}
	return out
}

// MaxPerVideo returns the limit for a video of the given length in seconds: n for every
// started ten minutes.
func MaxPerVideo(n int, seconds float64) int {
	return int(min(float64(n)*max(1, math.Ceil(seconds/600)), math.MaxInt32))
}

// group holds proposals that are neighbors in time: in a long video, most groups are far
// from the proposals whose scores change.
type group struct {
	p    []Proposal
	best int     // index of the best, -1 if none is left
	end  float64 // latest end
}

// gone is the score of proposals that have been removed.
const gone = -1

func grouped(p []Proposal) []group {
	var out []group
	for g := range slices.Chunk(p, 256) {
		out = append(out, group{p: g})
		out[len(out)-1].refresh()
	}
	return out
}

func (g *group) refresh() {
	g.best, g.end = -1, math.Inf(-1)
	for i, q := range g.p {
		if q.Score == gone {
			continue
		}
		g.end = max(g.end, q.End)
		if g.best < 0 || q.Score > g.p[g.best].Score {
			g.best = i
		}
	}
}
