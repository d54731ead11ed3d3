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
	p = slices.DeleteFunc(p, func(q Proposal) bool { return !(q.Score >= max(floor, 0)) })
	// Of equal scores the earliest is taken, so that it does not depend on what came
	// first.
	slices.SortFunc(p, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	var out []Proposal
	groups := grouped(p)
	for len(out) < most {
		// Of equals the first.
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
					if q.Score *= math.Exp(-o * o / sigma); q.Score < floor {
						q.Score = gone
					}
				}
			}
			g.refresh()
		}
	}
	return out
}

// MaxPerVideo returns the limit for a video of the given length in seconds: most for
// every started ten minutes.
func MaxPerVideo(most int, seconds float64) int {
	return int(min(float64(most)*max(1, math.Ceil(seconds/600)), math.MaxInt32))
}

// group are proposals that follow on each other in time: in a long video most are far
// from where the scores change.
type group struct {
	p    []Proposal
	best int     // of them, -1 if none is left
	end  float64 // of the last to end
}

// gone is the score of proposals that are left no longer.
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
