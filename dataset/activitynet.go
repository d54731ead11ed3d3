package dataset

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/clipcue/clipcue/internal/exactjson"
	"github.com/clipcue/clipcue/video"
)

// parseActivityNet reads {"database": {id: …}}, or the inner object alone. The videos are
// sorted by ID.
func parseActivityNet(r io.Reader, name string) ([]Untrimmed, error) {
	text, err := readJSON(r, name)
	if err != nil {
		return nil, err
	}
	var top struct {
		Database json.RawMessage `json:"database"`
		Results  json.RawMessage `json:"results"`
	}
	if err := exactjson.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("%s: not ActivityNet's JSON: %w", name, jsonError(err, activityNetShape))
	}
	switch {
	case top.Database != nil:
		text = top.Database
	case top.Results != nil:
		return nil, fmt.Errorf("%s: %w: these are results, not annotations", name, ErrNotAnnotations)
	}
	videos, err := activityNetVideos(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	slices.SortFunc(videos, func(a, b Untrimmed) int { return cmp.Compare(a.Path, b.Path) })
	for i := range len(videos) - 1 {
		if videos[i].Path == videos[i+1].Path {
			return nil, fmt.Errorf("%s: video %q is listed twice", name, videos[i].Path)
		}
	}
	return videos, nil
}

const activityNetShape = `an object {"database": {id: {"subset": …, "annotations": [{"segment": [start, end], "label": …}]}}}`

// activityNetVideos reads the videos one at a time, because a map of all of them would take
// several times the memory.
func activityNetVideos(text []byte) (videos []Untrimmed, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("the database is not %s", activityNetShape)
	}
	for d.More() {
		id, err := d.Token()
		if err != nil {
			return nil, err
		}
		var about json.RawMessage
		if err := d.Decode(&about); err != nil {
			return nil, fmt.Errorf("video %q: %w", id, err)
		}
		v, err := activityNetVideo(id.(string), about) // Token has checked that a key is a string
		if err != nil {
			return nil, fmt.Errorf("video %q: %w", id, err)
		}
		videos = append(videos, v)
	}
	return videos, nil
}

func activityNetVideo(id string, about []byte) (Untrimmed, error) {
	var in struct {
		Subset      string     `json:"subset"`
		Duration    jsonNumber `json:"duration"`
		Annotations jsonList[struct {
			Segment jsonSegment `json:"segment"`
			Label   string      `json:"label"`
		}] `json:"annotations"`
	}
	if err := exactjson.Unmarshal(about, &in); err != nil {
		return Untrimmed{}, err
	}
	v := Untrimmed{Path: id, Split: in.Subset, Duration: float64(in.Duration)}
	for i, a := range in.Annotations {
		if a.Segment.n != 2 {
			return v, fmt.Errorf("segment %d has %d times instead of a start and an end", i+1, a.Segment.n)
		}
		v.Segments = append(v.Segments, Segment{video.Span{Start: float64(a.Segment.times[0]), End: float64(a.Segment.times[1])}, strings.TrimSpace(a.Label)})
	}
	return v, v.check()
}
