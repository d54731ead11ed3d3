package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/video"
)

// segmentKeys are the columns of segments in CSV and the keys in JSONL. One of the first two
// has the video. The score of a segment that was found is ignored, and negative marks are left out.
var segmentKeys = []string{"video", "path", "start", "end", "label", "split", "duration"}

// segmentList collects the segments of each video, in the order of their first lines.
type segmentList struct {
	videos []Untrimmed
	place  map[string]int // by pathKey
}

// add adds a line. One without label and times is a video without segments.
func (l *segmentList) add(v Untrimmed) error {
	if err := v.check(); err != nil {
		return fmt.Errorf("video %q: %w", v.Path, err)
	}
	key := pathKey(v.Path)
	i, ok := l.place[key]
	if !ok {
		l.place[key] = len(l.videos)
		l.videos = append(l.videos, v)
		return nil
	}
	have := &l.videos[i]
	if have.Split != v.Split {
		return fmt.Errorf("video %q is in split %q and in %q", v.Path, have.Split, v.Split)
	}
	have.Duration = max(have.Duration, v.Duration)
	have.Segments = append(have.Segments, v.Segments...)
	return nil
}

func parseSegmentsCSV(r io.Reader, name string) ([]Untrimmed, error) {
	t, err := newCSVTable(r, name, slices.Concat(segmentKeys, markKeys), segmentKeys[2:5])
	if err != nil {
		return nil, err
	}
	if err := t.checkVideoColumn(); err != nil {
		return nil, err
	}
	l := segmentList{place: map[string]int{}}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return l.videos, err
		}
		if negative, err := t.negative(); err != nil {
			return nil, err
		} else if negative {
			continue
		}
		v := Untrimmed{Path: t.cell("video") + t.cell("path"), Split: t.field("split")}
		var x Segment
		var errs [3]error
		x.Label = t.cell("label")
		x.Start, errs[0] = t.seconds("start")
		x.End, errs[1] = t.seconds("end")
		v.Duration, errs[2] = t.seconds("duration")
		if err := errors.Join(errs[:]...); err != nil {
			return nil, t.errorf("%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		switch empty := t.field("start") == "" && t.field("end") == ""; {
		case empty && x.Label == "":
		case t.field("start") == "" || t.field("end") == "":
			return nil, t.errorf("a segment needs both a start and an end")
		default:
			v.Segments = []Segment{x}
		}
		if err := l.add(v); err != nil {
			return nil, t.errorf("%w", err)
		}
	}
}

func parseSegmentsJSONL(r io.Reader, name string) ([]Untrimmed, error) {
	l := segmentList{place: map[string]int{}}
	err := eachLine(r, name, func(_ int, text string) error {
		var row struct {
			Video    string         `json:"video"`
			Path     string         `json:"path"`
			Start    *jsonNumber    `json:"start"`
			End      *jsonNumber    `json:"end"`
			Label    string         `json:"label"`
			Split    string         `json:"split"`
			Duration jsonNumber     `json:"duration"`
			Negative exactjson.Bool `json:"negative"`
			Score    jsonNumber     `json:"score"` // ignored, as the following

			Author json.RawMessage `json:"author"`
			Time   json.RawMessage `json:"time"`
		}
		if err := decodeLine(text, &row, true); err != nil {
			return jsonError(err, "an object with the keys "+strings.Join(segmentKeys, ", "))
		}
		if row.Negative {
			return nil
		}
		if (row.Video == "") == (row.Path == "") {
			return errors.New("a line must have one key video (or path)")
		}
		v := Untrimmed{Path: strings.TrimSpace(row.Video + row.Path), Split: strings.TrimSpace(row.Split), Duration: float64(row.Duration)}
		label := strings.TrimSpace(row.Label)
		switch {
		case row.Start == nil && row.End == nil && label == "":
		case row.Start == nil || row.End == nil:
			return errors.New("a segment needs both a start and an end")
		default:
			v.Segments = []Segment{{video.Span{Start: float64(*row.Start), End: float64(*row.End)}, label}}
		}
		return l.add(v)
	})
	return l.videos, err
}
