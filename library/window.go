package library

import (
	"errors"
	"math"
	"sort"

	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// span is a part of a video in seconds, as a player shows them.
type span struct{ start, end float64 }

// longest is more seconds than any video has: three years.
const longest = 1e8

// slack is how far times that are meant to be the same may lie apart, in seconds.
const slack = 1e-6

// windows cuts a video into moments of so many seconds, one every hop seconds from
// 0:00 on. The last one ends with the video; only a video that is shorter than a
// window has a shorter moment as its first. Times in which there is no frame have
// no moment.
func windows(q *feature.Sequence, window, hop float64) ([]span, error) {
	t, zero := q.Timestamps, q.Provenance.StartTime
	last := len(t) - 1
	// The last frame stands as long as the others do on average; where some stand
	// very long, that is more than is known of it.
	end := t[last] - zero
	if last > 0 {
		end += min(window, (t[last]-t[0])/float64(last))
	} else {
		end = max(end+1e-3, min(end+window, q.Provenance.Duration))
	}
	if d := q.Provenance.Duration; d > t[last]-zero {
		end = min(end, d)
	}
	if !(math.Abs(end) < longest && math.Abs(t[0]-zero) < longest) {
		return nil, &video.Error{Path: q.Provenance.Source, Kind: errors.New("its times are not those of a video")}
	}
	var out []span
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
		out = append(out, span{start, min(start+window, max(end, start+slack))})
		if start+window >= end-slack {
			break
		}
	}
	if len(out) == 0 { // all of it lies before 0:00
		out = append(out, span{0, min(window, max(end, 1e-3))})
	}
	return out, nil
}
