package report

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/train"
)

// Pretraining returns the report of a pre-training run. metrics are those of its best
// step, by their names in metrics.jsonl, or nil if nothing was measured.
func Pretraining(dir, verdict string, metrics map[string]any) (*Report, error) {
	settings, err := Settings(filepath.Join(dir, train.ConfigFile))
	if err != nil {
		return nil, err
	}
	charts, err := Curves(filepath.Join(dir, train.MetricsFile), "on held-out pairs")
	if err != nil {
		return nil, err
	}
	data := []Value{{"images and captions", find(settings, "data.path")}, {"training pairs", find(settings, "pairs")}}
	if find(settings, "data.synth") == "true" {
		data[0].Value = "rendered, with seed " + find(settings, "train.seed")
	}
	var figures []Figure
	for _, set := range heldOut {
		if n := metrics[set+"pairs"]; n != nil {
			data = append(data, Value{strings.ReplaceAll(set, "_", " ") + "held-out pairs", fmt.Sprint(n)})
		}
		for _, m := range pairMeasures {
			v, ok := metrics[set+m.name].(float64)
			if !ok {
				continue
			}
			among := fmt.Sprintf("the right one of %v", metrics[set+"group"])
			if m.name == "zero_shot" {
				among = fmt.Sprintf("among %v labels, by name alone", metrics["labels"])
			}
			figures = append(figures, Figure{strings.ReplaceAll(set, "_", " ") + m.title, percent(v), among})
		}
	}
	text := fmt.Sprintf("Learned from %s pairs of an image and a caption, %s per step.", find(settings, "pairs"), find(settings, "batch"))
	return &Report{Title: "Pre-training: " + folder(dir), Verdict: verdict, Footer: Version(), Sections: []Section{
		{Title: "Learning", Text: text, Figures: figures, Charts: charts},
		{Title: "Data", Values: data},
		{Title: "Configuration", Text: "As in config.json, with everything resolved.", Values: settings, Folded: true}}}, nil
}

type measure struct{ name, title string }

// heldOut is the prefix of the metrics' names. The set that the best step is chosen on,
// or the only set, has none.
var heldOut = []string{"", "test_", "unseen_"}

var pairMeasures = []measure{{"zero_shot", "naming"}, {"image_to_text", "captions found"}, {"text_to_image", "pictures found"}}

// measures are the readable names of the recorded fractions.
var measures = func() []measure {
	out := []measure{{"top1", "top-1"}, {"top5", "top-5"}, {"average_map", "average mAP"},
		{"t2v_r1", "video found first"}, {"t2v_r5", "among five"}, {"t2v_r10", "among ten"}, {"v2t_r1", "caption found first"}}
	for _, set := range heldOut {
		for _, m := range pairMeasures {
			out = append(out, measure{set + m.name, strings.ReplaceAll(set, "_", " ") + m.title})
		}
	}
	return out
}()
