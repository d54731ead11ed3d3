package proposal

import (
	"fmt"

	"github.com/clipcue/clipcue/video"
)

// AverageRecall returns the average recall for each number of proposals in ns: the share of
// all segments that one of the ns[i] best proposals of their video overlaps by at least a
// tIoU, the mean over the tIoUs. proposals[k] holds those of examples[k] by decreasing score.
// Without any segment, the recall is 0.
func AverageRecall(examples []Example, proposals [][]Proposal, tIoUs []float64, ns []int) ([]float64, error) {
	if len(proposals) != len(examples) {
		return nil, fmt.Errorf("got proposals of %d videos for %d videos", len(proposals), len(examples))
	}
	for _, n := range ns {
		if n < 0 {
			return nil, fmt.Errorf("number of proposals must not be negative, got %d", n)
		}
	}
	hits, segments := make([]float64, len(ns)), 0
	for k, e := range examples {
		segments += len(e.Segments)
		for _, s := range e.Segments {
			for i, n := range ns {
				best := 0.0
				for _, p := range proposals[k][:min(n, len(proposals[k]))] {
					best = max(best, p.TIoU(s))
				}
				for _, t := range tIoUs {
					if best >= t {
						hits[i]++
					}
				}
			}
		}
	}
	for i := range hits {
		hits[i] /= float64(max(1, segments*len(tIoUs)))
	}
	return hits, nil
}

// ActivityNetThresholds are the tIoU thresholds of ActivityNet, 0.5 to 0.95.
var ActivityNetThresholds = []float64{0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95}

// SlidingWindows returns n windows with score 1, spread evenly over a video, equally many of
// each length: a baseline that uses only the lengths of actions. Lengths are limited to
// that of the video.
func SlidingWindows(whole video.Span, lengths []float64, n int) []Proposal {
	var out []Proposal
	duration := whole.Duration()
	for i, length := range lengths {
		length = min(length, duration)
		count := n*(i+1)/len(lengths) - n*i/len(lengths)
		for k := range count {
			start := whole.Start + (duration-length)*(float64(k)+0.5)/float64(count)
			out = append(out, Proposal{video.Span{Start: start, End: start + length}, 1})
		}
	}
	return out
}
