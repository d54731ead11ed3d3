package markfile

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// frameRange returns the first frame of a span, and the frame after its last one.
func frameRange(r Row, rate float64) (from, to int64) {
	from = int64(math.Round(r.Start * rate))
	return from, max(from+1, int64(math.Round(r.End*rate)))
}

// frameRow returns the span of a range of frames.
func (o Options) frameRow(video, label string, from, to float64) (Row, error) {
	rate, _, err := o.clock(video)
	return Row{Video: video, Label: oneLine(label), Start: from / rate, End: to / rate}, err
}

// sighting is a label in a video.
type sighting struct{ video, label string }

// sightings collects the frames that show labels, in formats that label single frames.
type sightings map[sighting][]int64

func (s sightings) add(video, label string, frame int64) {
	s[sighting{video, label}] = append(s[sighting{video, label}], frame)
}

// rows returns the spans of frames that are at most step apart.
func (s sightings) rows(step int64, o Options) (out []Row, err error) {
	keys := slices.SortedFunc(maps.Keys(s), func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.video, b.video), cmp.Compare(a.label, b.label))
	})
	for _, k := range keys {
		frames := s[k]
		slices.Sort(frames)
		for len(frames) > 0 {
			n := 1
			for n < len(frames) && frames[n]-frames[n-1] <= step {
				n++
			}
			r, err := o.frameRow(k.video, k.label, float64(frames[0]), float64(frames[n-1]+step))
			if err != nil {
				return nil, err
			}
			if out = append(out, r); len(out) > maxRows {
				return nil, errRows
			}
			frames = frames[n:]
		}
	}
	slices.SortStableFunc(out, func(a, b Row) int { return cmp.Or(cmp.Compare(a.Video, b.Video), cmp.Compare(a.Start, b.Start)) })
	return out, nil
}
