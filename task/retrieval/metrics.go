package retrieval

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Recall summarizes ranks. Shares are from 0 to 1. A rank is 1 plus the number of
// candidates that score strictly higher than the correct one.
type Recall struct {
	R1         float64 `json:"r1"` // share of the queries with the correct candidate at rank 1
	R5         float64 `json:"r5"` // at rank 5 or better
	R10        float64 `json:"r10"`
	MedianRank float64 `json:"median_rank"`
	MeanRank   float64 `json:"mean_rank"`
}

// recall summarizes at least one rank.
func recall(ranks []int) Recall {
	within := func(rank int) float64 {
		k := 0
		for _, r := range ranks {
			if r <= rank {
				k++
			}
		}
		return float64(k) / float64(len(ranks))
	}
	r := Recall{R1: within(1), R5: within(5), R10: within(10)}
	for _, k := range ranks {
		r.MeanRank += float64(k)
	}
	r.MeanRank /= float64(len(ranks))
	sorted := slices.Sorted(slices.Values(ranks))
	n := len(sorted)
	r.MedianRank = float64(sorted[(n-1)/2]+sorted[n/2]) / 2
	return r
}

// pairing holds the similarities of texts and videos. They are computed in blocks, so they
// are never all in memory.
type pairing struct {
	texts, videos int
	video         []int // of each text
	// piece writes the similarities [t1-t0,v1-v0] of a block. Repeated calls give the same
	// bits.
	piece      func(dst []float32, t0, t1, v0, v1 int)
	tall, wide int // the size of a block; 0 for the default
}

// The default size of a block.
const (
	pieceTexts  = 1024
	pieceVideos = 2048
)

// each calls f with each similarity, block by block, texts first. It skips the blocks for
// which wanted, if not nil, returns false.
func (p *pairing) each(ctx context.Context, wanted func(t0, t1, v0, v1 int) bool, f func(t, v int, s float64)) error {
	tall, wide := cmp.Or(p.tall, pieceTexts), cmp.Or(p.wide, pieceVideos)
	buffer := make([]float32, min(p.texts, tall)*min(p.videos, wide))
	for v0 := 0; v0 < p.videos; v0 += wide {
		v1 := min(v0+wide, p.videos)
		for t0 := 0; t0 < p.texts; t0 += tall {
			if err := ctx.Err(); err != nil {
				return err
			}
			t1 := min(t0+tall, p.texts)
			if wanted != nil && !wanted(t0, t1, v0, v1) {
				continue
			}
			piece := buffer[:(t1-t0)*(v1-v0)]
			p.piece(piece, t0, t1, v0, v1)
			for t := t0; t < t1; t++ {
				for i, s := range piece[(t-t0)*(v1-v0) : (t-t0+1)*(v1-v0)] {
					f(t, v0+i, float64(s))
				}
			}
		}
	}
	return nil
}

// score returns the score that candidates are ranked by, given the similarity.
type score func(text, video int, s float64) float64

func plain(_, _ int, s float64) float64 { return s }

// ranks returns the rank of each text's video among all videos by one score, and the rank
// of each video's best text among all texts by another. A nil score has no ranks. NaN
// counts as higher than the score of the correct candidate.
func (p *pairing) ranks(ctx context.Context, byText, byVideo score) (ofTexts, ofVideos []int, err error) {
	right, best := make([]float64, p.texts), make([]float64, p.videos)
	for v := range best {
		best[v] = math.Inf(-1)
	}
	own := func(t0, t1, v0, v1 int) bool {
		return slices.ContainsFunc(p.video[t0:t1], func(v int) bool { return v >= v0 && v < v1 })
	}
	err = p.each(ctx, own, func(t, v int, s float64) {
		if p.video[t] != v {
			return
		}
		if byText != nil {
			right[t] = byText(t, v, s)
		}
		if byVideo != nil {
			if x := byVideo(t, v, s); !(x <= best[v]) {
				best[v] = x
			}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	count := func(n int) []int {
		ranks := make([]int, n)
		for i := range ranks {
			ranks[i] = 1
		}
		return ranks
	}
	if byText != nil {
		ofTexts = count(p.texts)
	}
	if byVideo != nil {
		ofVideos = count(p.videos)
	}
	err = p.each(ctx, nil, func(t, v int, s float64) {
		if byText != nil && p.video[t] != v && !(byText(t, v, s) <= right[t]) {
			ofTexts[t]++
		}
		if byVideo != nil && p.video[t] != v && !(byVideo(t, v, s) <= best[v]) {
			ofVideos[v]++
		}
	})
	return ofTexts, ofVideos, err
}

// logSum computes the logarithm of a sum of exponentials incrementally.
type logSum struct{ largest, sum float64 }

func newLogSums(n int) []logSum {
	l := make([]logSum, n)
	for i := range l {
		l[i].largest = math.Inf(-1)
	}
	return l
}

func (l *logSum) add(x float64) {
	if x > l.largest {
		l.sum *= math.Exp(l.largest - x)
		l.largest = x
	}
	l.sum += math.Exp(x - l.largest)
}

func (l *logSum) value() float64 { return l.largest + math.Log(l.sum) }

func values(sums []logSum) []float64 {
	out := make([]float64, len(sums))
	for i := range sums {
		out[i] = sums[i].value()
	}
	return out
}

// dualSoftmax returns the scores of the dual softmax (Cheng et al. 2021, arXiv 2109.04290):
// the similarity times the softmax, at temperature tau, over all queries for the candidate. It
// needs all queries of the test set at once.
func (p *pairing) dualSoftmax(ctx context.Context, tau float64) (byText, byVideo score, err error) {
	texts, videos := newLogSums(p.texts), newLogSums(p.videos)
	err = p.each(ctx, nil, func(t, v int, s float64) {
		texts[t].add(s / tau)
		videos[v].add(s / tau)
	})
	ofTexts, ofVideos := values(texts), values(videos)
	byText = func(_, v int, s float64) float64 { return s * math.Exp(s/tau-ofVideos[v]) }
	byVideo = func(t, _ int, s float64) float64 { return s * math.Exp(s/tau-ofTexts[t]) }
	return byText, byVideo, err
}

// bankBeta is the inverse temperature of the query bank, as its authors set it.
const bankBeta = 20

// queryBank returns the score of the dynamic inverted softmax of QB-Norm (Bogolin et al.,
// CVPR 2022, arXiv 2112.12777). If the first video of a query is also the first video of a
// text in the bank, the query's similarities are divided by the bank's sum for each video;
// other queries keep their similarities. bank holds the similarities of the bank's texts
// with the same videos.
func (p *pairing) queryBank(ctx context.Context, bank *pairing) (score, error) {
	first, err := p.firsts(ctx, nil)
	if err != nil {
		return nil, err
	}
	sums := newLogSums(p.videos)
	ofBank, err := bank.firsts(ctx, func(v int, s float64) { sums[v].add(bankBeta * s) })
	if err != nil {
		return nil, err
	}
	hub, norms := make([]bool, p.videos), values(sums)
	for _, v := range ofBank {
		hub[v] = true
	}
	return func(t, v int, s float64) float64 {
		if hub[first[t]] {
			return bankBeta*s - norms[v]
		}
		return s
	}, nil
}

// firsts returns the first video with the highest similarity for each text. It calls also,
// if not nil, with every similarity.
func (p *pairing) firsts(ctx context.Context, also func(v int, s float64)) ([]int, error) {
	first, largest := make([]int, p.texts), make([]float64, p.texts)
	for t := range largest {
		largest[t] = math.Inf(-1)
	}
	err := p.each(ctx, nil, func(t, v int, s float64) {
		if s > largest[t] {
			largest[t], first[t] = s, v
		}
		if also != nil {
			also(v, s)
		}
	})
	return first, err
}
