package synth

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/clipcue/clipcue/internal/atomicfile"
)

// The manifests.
const (
	captionsFile = "captions.jsonl"
	labelsFile   = "labels.csv"
	segmentsFile = "segments.csv"
)

// captioned is one line of captions.jsonl.
type captioned struct {
	Path    string  `json:"path"`
	Caption string  `json:"caption"`
	Label   string  `json:"label,omitempty"`
	Split   string  `json:"split"`
	Start   float64 `json:"start,omitempty"` // seconds; for takes only
	End     float64 `json:"end,omitempty"`
}

// writeManifests writes the manifests of a dataset and returns the path of the main one.
func writeManifests(dir string, o Options, jobs []job) (path string, err error) {
	labels, segments := [][]string{{"path", "label", "split"}}, [][]string{{"video", "start", "end", "label"}}
	if o.Kind == KindUntrimmed || o.Takes > 1 {
		labels[0] = append(labels[0], "start", "end")
	}
	var captions bytes.Buffer
	lines := json.NewEncoder(&captions)
	for _, j := range jobs {
		split := j.split(o.TestShare)
		for take := range o.takes() {
			s, words, err := o.scene(j, take)
			if err != nil {
				return "", err
			}
			line := captioned{Path: j.path, Caption: words, Label: j.class, Split: split}
			row := []string{j.path, j.class, split}
			if o.Takes > 1 {
				line.Start, line.End = o.span(take)
				row = append(row, seconds(line.Start), seconds(line.End))
			}
			switch o.Kind {
			case KindPictures:
				if l := s.Labels(0); l.Other == (Object{}) {
					line.Label = l.Object.String()
				}
			case KindUntrimmed:
				for _, v := range s.segments() {
					start, end := seconds(v.Start), seconds(v.End)
					labels = append(labels, []string{j.path, v.Class, split, start, end})
					segments = append(segments, []string{j.path, start, end, v.Class})
				}
			default:
				labels = append(labels, row)
			}
			if err := lines.Encode(line); err != nil {
				return "", err
			}
		}
	}
	path = filepath.Join(dir, captionsFile)
	if err := write(path, captions.Bytes()); err != nil || o.Kind == KindPictures {
		return path, err
	}
	if o.Kind == KindUntrimmed {
		if err := write(filepath.Join(dir, segmentsFile), table(segments)); err != nil {
			return "", err
		}
	}
	path = filepath.Join(dir, labelsFile)
	return path, write(path, table(labels))
}

func seconds(t float64) string { return strconv.FormatFloat(t, 'f', -1, 64) }

func table(rows [][]string) []byte {
	var b bytes.Buffer
	csv.NewWriter(&b).WriteAll(rows) // writing to a buffer cannot fail
	return b.Bytes()
}

// write writes a file unless it already has these contents.
func write(path string, data []byte) error {
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, data) {
		return nil
	}
	return atomicfile.MemberBytes(path, data)
}
