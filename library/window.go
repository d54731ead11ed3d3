package library

import (
	"errors"
	"math"
	"sort"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// longest is more seconds than any video has: three years.
const longest = 1e8

// slack is the largest difference of times that are meant to be equal, in seconds.
const slack = 1e-6

// windows divides a video into moments of window seconds, one every hop seconds from
// 0:00 on. The last one ends with the video; only a video shorter than a window has a
// shorter moment as its first. Times without a frame have no moment.
func windows(q *feature.Sequence, window, hop float64) ([]video.Span, error) {
	t, zero := q.Timestamps, q.Provenance.StartTime
	last := len(t) - 1
	// The last frame is shown for at most a window.
	end := t[last] - zero
	if t[last] > t[0] {
		end += min(window, q.End()-t[last])
	} else {
		end = max(end+1e-3, min(end+window, q.End()-zero))
	}
	if d := q.Provenance.Duration; d > t[last]-zero {
		end = min(end, d)
	}
	if !(math.Abs(end) < longest && math.Abs(t[0]-zero) < longest) {
		return nil, &video.Error{Path: q.Provenance.Source, Kind: errors.New("its timestamps are not those of a video")}
	}
	var out []video.Span
	for k := math.Floor(max(0, t[0]-zero) / hop); ; k++ {
		start := k * hop
		next := sort.SearchFloat64s(t, zero+start-slack)
		if next > last {
			break
		}
		if at := t[next] - zero; at >= start+window {
			k = max(k, math.Floor((at-window)/hop+slack)) // before the first window that has the frame
			continue
		}
		out = append(out, video.Span{Start: start, End: min(start+window, max(end, start+slack))})
		if start+window >= end-slack {
			break
		}
	}
	if len(out) == 0 { // the whole video is before 0:00
		out = append(out, video.Span{Start: 0, End: min(window, max(end, 1e-3))})
	}
	return out, nil
}
