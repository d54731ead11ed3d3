package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// segmentKeys are the columns of segments in CSV and the keys in JSONL. A video is
// named by one of the first two.
var segmentKeys = []string{"video", "path", "start", "end", "label", "split", "duration"}

// segmentList gathers lines into videos, in the order in which these are first met.
type segmentList struct {
	videos []Untrimmed
	place  map[string]int
}

// add takes a line. One without label and times says that there is the video.
func (l *segmentList) add(v Untrimmed) error {
	if err := v.check(); err != nil {
		return err
	}
	key := normalPath(v.Path)
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
	t, err := newCSVTable(r, name, segmentKeys, segmentKeys[2:5])
	if err != nil {
		return nil, err
	}
	_, video := t.columns["video"]
	_, path := t.columns["path"]
	if video == path {
		return nil, t.errorf("the first line has to name one column video (or path)")
	}
	l := segmentList{place: map[string]int{}}
	for {
		ok, err := t.next()
		if err != nil || !ok {
			return l.videos, err
		}
		v := Untrimmed{Path: t.field("video") + t.field("path"), Split: t.field("split")}
		var x Segment
		var errs [3]error
		x.Label = t.field("label")
		x.Start, errs[0] = seconds("start", t.field("start"))
		x.End, errs[1] = seconds("end", t.field("end"))
		v.Duration, errs[2] = seconds("duration", t.field("duration"))
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
			Video    string   `json:"video"`
			Path     string   `json:"path"`
			Start    *Seconds `json:"start"`
			End      *Seconds `json:"end"`
			Label    string   `json:"label"`
			Split    string   `json:"split"`
			Duration Seconds  `json:"duration"`
		}
		dec := json.NewDecoder(strings.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&row); err != nil {
			return fmt.Errorf("%s; a line has to be an object with the keys %s", strings.ReplaceAll(err.Error(), "\n", " "), strings.Join(segmentKeys, ", "))
		}
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return errors.New("more than one object in a line")
		}
		if (row.Video == "") == (row.Path == "") {
			return errors.New("a line names its video by one key, video (or path)")
		}
		v := Untrimmed{Path: strings.TrimSpace(row.Video + row.Path), Split: strings.TrimSpace(row.Split), Duration: float64(row.Duration)}
		label := strings.TrimSpace(row.Label)
		switch {
		case row.Start == nil && row.End == nil && label == "":
		case row.Start == nil || row.End == nil:
			return errors.New("a segment needs both a start and an end")
		default:
			v.Segments = []Segment{{float64(*row.Start), float64(*row.End), label}}
		}
		return l.add(v)
	})
	return l.videos, err
}
