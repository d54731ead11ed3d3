package markfile

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"

	"github.com/clipcue/clipcue/internal/exactjson"
)

// task is a task of Label Studio.
type task struct {
	ID   any `json:"id,omitempty"` // the converter of Label Studio's SDK needs it
	Data struct {
		Video string `json:"video"`
		FPS   any    `json:"fps,omitempty"` // a number in most projects, but it can be anything
	} `json:"data"`
	Annotations []annotation `json:"annotations,omitempty"`
	Predictions []annotation `json:"predictions,omitempty"` // of a model
}

type annotation struct {
	Skipped bool     `json:"was_cancelled,omitempty"` //nolint:misspell // Label Studio's key
	Model   string   `json:"model_version,omitempty"`
	Score   *float64 `json:"score,omitempty"` // mean of the regions'
	Result  []region `json:"result"`
}

// region is a span in seconds (type labels) or in frames from 1 on (type timelinelabels).
type region struct {
	From  string   `json:"from_name"`
	To    string   `json:"to_name"`
	Type  string   `json:"type"`
	Score *float64 `json:"score,omitempty"`
	Value struct {
		Start    *float64 `json:"start,omitempty"`
		End      *float64 `json:"end,omitempty"`
		Labels   []string `json:"labels,omitempty"`
		Ranges   []frames `json:"ranges,omitempty"`
		Timeline []string `json:"timelinelabels,omitempty"`
		Boxes    []any    `json:"sequence,omitempty"` // of an object
	} `json:"value"`
}

type frames struct {
	Start *float64 `json:"start"`
	End   *float64 `json:"end"`
}

// writeLabelStudio writes the spans of a video as an annotation or, if one has a score, as a prediction.
func writeLabelStudio(w io.Writer, rows []Row, _ Options) error {
	tasks := []*task{}
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r Row) bool { return r.Video != rows[0].Video })
		if n < 0 {
			n = len(rows)
		}
		t := &task{ID: len(tasks) + 1}
		t.Data.Video = rows[0].Video
		if all := annotationOf(rows[:n]); all.Score == nil {
			t.Annotations = []annotation{all}
		} else {
			all.Model = "clipcue"
			t.Predictions = []annotation{all}
		}
		tasks, rows = append(tasks, t), rows[n:]
	}
	return writeJSON(w, tasks)
}

// annotationOf returns the spans of a video, with their mean score.
func annotationOf(rows []Row) (a annotation) {
	var scores []float64
	for _, r := range rows {
		x := region{From: "label", To: "video", Type: "labels", Score: r.Score}
		x.Value.Start, x.Value.End, x.Value.Labels = &r.Start, &r.End, []string{r.Label}
		a.Result = append(a.Result, x)
		if r.Score != nil {
			scores = append(scores, *r.Score)
		}
	}
	if len(scores) > 0 {
		mean := 0. // a sum of finite scores can be infinite
		for _, s := range scores {
			mean += s / float64(len(scores))
		}
		a.Score = &mean
	}
	return a
}

// upload matches what Label Studio puts before the name of an uploaded file.
var upload = regexp.MustCompile(`^(?:.*/)?upload/\d+/[0-9a-fA-F]{8}-`)

// video returns the name of the task's video, without what an upload adds.
func (t *task) video() string {
	if name := upload.ReplaceAllString(t.Data.Video, ""); name != "" {
		return name
	}
	return t.Data.Video
}

// rate returns the frame rate of the task's timelines, or else that of its video.
func (t *task) rate(o Options) (float64, error) {
	if fps, err := strconv.ParseFloat(fmt.Sprint(t.Data.FPS), 64); err == nil && fps > 0 && !math.IsInf(fps, 0) {
		return fps, nil
	}
	rate, _, err := o.clock(t.video())
	return rate, err
}

// readLabelStudio reads the annotations of each task or, if it has none, its predictions.
func readLabelStudio(data []byte, o Options) (rows []Row, err error) {
	var tasks []task
	if err := exactjson.Unmarshal(data, &tasks); err != nil {
		return nil, err
	}
	others := 0
	for i, t := range tasks {
		if t.Annotations == nil && t.Predictions == nil {
			return nil, fmt.Errorf("task %d has no \"annotations\"; export tasks from Label Studio as JSON, not as JSON-MIN", i+1)
		}
		all := t.Annotations
		if len(all) == 0 {
			all = t.Predictions
		}
		fps := 0. // of timelines; a clock may read the video
		for _, a := range all {
			if a.Skipped {
				continue
			}
			for _, x := range a.Result {
				if len(x.Value.Timeline) > 0 && fps == 0 {
					if fps, err = t.rate(o); err != nil {
						return nil, fmt.Errorf("task %d: %w", i+1, err)
					}
				}
				found, err := x.rows(t.video(), fps)
				if err != nil {
					return nil, fmt.Errorf("task %d: %w", i+1, err)
				}
				if len(found) == 0 {
					others++
				}
				rows = append(rows, found...)
			}
		}
	}
	o.lost("boxes of objects, and results for whole videos", others)
	return rows, nil
}

// rows returns the spans of a region. The frame rate is that of a timeline.
func (x region) rows(video string, fps float64) (rows []Row, err error) {
	v := x.Value
	if len(v.Boxes) > 0 {
		return nil, nil
	}
	for _, label := range v.Labels {
		if v.Start == nil || v.End == nil {
			return nil, errors.New("a label has no start or no end")
		}
		rows = append(rows, Row{Video: video, Start: *v.Start, End: *v.End, Label: label, Score: x.Score})
	}
	for _, label := range v.Timeline {
		for _, f := range v.Ranges {
			rows = append(rows, Row{Video: video, Start: max(0, needed(f.Start)-1) / fps, End: needed(f.End) / fps, Label: label, Score: x.Score})
		}
	}
	return rows, nil
}
