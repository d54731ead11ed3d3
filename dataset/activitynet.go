package dataset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// segmentParser reads videos with their segments; name is for errors.
type segmentParser = func(r io.Reader, name string) ([]Untrimmed, error)

// maxAnnotation bounds a JSON annotation, which has to be in memory as a whole;
// ActivityNet's has 11 MB.
const maxAnnotation = 1 << 30

// Seconds is a time in JSON: a number, or a string that holds one.
type Seconds float64

// UnmarshalJSON reads either form; what is not finite is refused.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	text := string(b)
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	}
	t, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(t) || math.IsInf(t, 0) {
		return fmt.Errorf("time %s is not a number of seconds", text)
	}
	*s = Seconds(t)
	return nil
}

// parseActivityNet reads {"database": {id: …}}, or the inner object alone. The
// videos are in the order of their ids.
func parseActivityNet(r io.Reader, name string) ([]Untrimmed, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxAnnotation+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxAnnotation {
		return nil, fmt.Errorf("%s: larger than %d bytes; this is no annotation file", name, maxAnnotation)
	}
	const shape = `an object {"database": {id: {"subset": …, "annotations": [{"segment": [start, end], "label": …}]}}}`
	var top map[string]json.RawMessage
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("%s: not ActivityNet's JSON, %s: %w", name, shape, err)
	}
	if _, ok := top["results"]; ok && top["database"] == nil {
		return nil, fmt.Errorf("%s: these are results, not annotations", name)
	}
	if inner, ok := top["database"]; ok {
		top = nil
		if err := json.Unmarshal(inner, &top); err != nil {
			return nil, fmt.Errorf("%s: the database is not %s: %w", name, shape, err)
		}
	}
	videos := make([]Untrimmed, 0, len(top))
	for _, id := range slices.Sorted(maps.Keys(top)) {
		v, err := activityNetVideo(id, top[id])
		if err != nil {
			return nil, fmt.Errorf("%s: video %q: %w", name, id, err)
		}
		videos = append(videos, v)
	}
	return videos, nil
}

func activityNetVideo(id string, text json.RawMessage) (Untrimmed, error) {
	var in struct {
		Subset      string  `json:"subset"`
		Duration    Seconds `json:"duration"`
		Annotations []struct {
			Segment []Seconds `json:"segment"`
			Label   string    `json:"label"`
		} `json:"annotations"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return Untrimmed{}, err
	}
	v := Untrimmed{Path: id, Split: in.Subset, Duration: float64(in.Duration)}
	for i, a := range in.Annotations {
		if len(a.Segment) != 2 {
			return v, fmt.Errorf("segment %d has %d times instead of a start and an end", i+1, len(a.Segment))
		}
		v.Segments = append(v.Segments, Segment{float64(a.Segment[0]), float64(a.Segment[1]), strings.TrimSpace(a.Label)})
	}
	return v, v.check()
}

// check refuses what no annotation may say and gives the split its plain name.
func (v *Untrimmed) check() error {
	switch {
	case strings.TrimSpace(v.Path) == "" || normalPath(v.Path) == ".":
		return errors.New("the video has no name")
	case strings.ContainsFunc(v.Path, unicode.IsControl):
		return fmt.Errorf("path %q holds a control character", v.Path)
	case !(v.Duration >= 0) || math.IsInf(v.Duration, 0):
		return fmt.Errorf("a duration of %g seconds", v.Duration)
	}
	if v.Split != "" {
		split, ok := splitName(v.Split)
		if !ok {
			return fmt.Errorf("split %q is none of train, val, test", v.Split)
		}
		v.Split = split
	}
	for _, x := range v.Segments {
		if err := checkLabel(x.Label); err != nil {
			return err
		}
		if math.IsNaN(x.Start-x.End) || math.IsInf(x.Start, 0) || math.IsInf(x.End, 0) {
			return fmt.Errorf("times %g and %g are not numbers of seconds", x.Start, x.End)
		}
	}
	return nil
}
