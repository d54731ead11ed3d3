package markfile

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// fiftyOne is the labels.json of a FiftyOneTemporalDetectionDataset. A video is named by its
// path, or by its path in the data set's folder without the extension.
type fiftyOne struct {
	Classes []string                  `json:"classes,omitempty"` // if labels are numbers
	Labels  map[string][]fiftyOneSpan `json:"labels"`
}

// fiftyOneSpan has its times in seconds, or in frames from 1 on.
type fiftyOneSpan struct {
	Label   any      `json:"label"` // a name, or the number of a class
	Seconds pair     `json:"timestamps,omitempty"`
	Frames  pair     `json:"support,omitempty"`
	Score   *float64 `json:"confidence,omitempty"`
}

func writeFiftyOne(w io.Writer, rows []Row, _ Options) error {
	d := fiftyOne{Labels: map[string][]fiftyOneSpan{}}
	for _, r := range rows {
		d.Labels[r.Video] = append(d.Labels[r.Video], fiftyOneSpan{Label: r.Label, Seconds: newPair(r.Start, r.End), Score: r.Score})
	}
	return writeJSON(w, d)
}

func isFiftyOne(data []byte) bool { return hasKeys(data, "labels") }

func readFiftyOne(data []byte, o Options) (rows []Row, err error) {
	var d fiftyOne
	if err := exactjson.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Labels == nil {
		return nil, errors.New(`it has no "labels"`)
	}
	for _, video := range slices.Sorted(maps.Keys(d.Labels)) {
		for i, s := range d.Labels[video] {
			label, err := d.name(s.Label)
			var r Row
			switch {
			case err != nil:
			case s.Seconds != nil:
				r = Row{Video: video, Label: label}
				r.Start, r.End = s.Seconds.times()
			case s.Frames != nil:
				first, last := s.Frames.times()
				r, err = o.frameRow(video, label, first-1, last)
			default:
				err = errors.New("it has neither timestamps nor support")
			}
			if err != nil {
				return nil, fmt.Errorf("span %d of %q: %w", i+1, video, err)
			}
			r.Score = s.Score
			rows = append(rows, r)
		}
	}
	return rows, nil
}

func (d *fiftyOne) name(label any) (string, error) {
	switch l := label.(type) {
	case string:
		return l, nil
	case float64:
		if l == math.Trunc(l) && l >= 0 && l < float64(len(d.Classes)) {
			return d.Classes[int(l)], nil
		}
	}
	return "", fmt.Errorf("the label is %v, which is no name and none of %d classes", label, len(d.Classes))
}
