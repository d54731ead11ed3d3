package report

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/clipcue/clipcue/internal/train"
)

// Pretraining is the report of a run of CLIP's own training. metrics are those of
// its best step, by the names that the record has, or nil if nothing was
// measured.
func Pretraining(dir, verdict string, metrics map[string]any) (*Report, error) {
	settings, err := Settings(filepath.Join(dir, train.ConfigFile))
	if err != nil {
		return nil, err
	}
	charts, err := Curves(filepath.Join(dir, train.MetricsFile), "on held-out pairs")
	if err != nil {
		return nil, err
	}
	var figures []Figure
	for _, s := range measures {
		if v, ok := metrics[s.name].(float64); ok {
			figures = append(figures, Figure{s.title, percent(v), ""})
		}
	}
	text := fmt.Sprintf("Learned from %s pairs of a picture and a caption, %s a step.", find(settings, "pairs"), find(settings, "batch"))
	if group := metrics["group"]; group != nil {
		text += fmt.Sprintf(" Retrieval is how often the right one of %v is found; naming is among %v labels, by their names in a sentence.", group, cmp.Or(metrics["labels"], any(0)))
	}
	return &Report{Title: "Pre-training: " + folder(dir), Verdict: verdict, Footer: Version(), Sections: []Section{
		{Title: "Learning", Text: text, Figures: figures, Charts: charts},
		{Title: "Configuration", Text: "As in config.json, with everything resolved.", Values: settings, Folded: true}}}, nil
}

// measures are the shares that runs record, as readers call them. A set of
// held-out pairs that has a name puts it before.
var measures = func() []struct{ name, title string } {
	out := []struct{ name, title string }{{"top1", "top-1"}, {"top5", "top-5"}, {"average_map", "average mAP"},
		{"t2v_r1", "video found first"}, {"t2v_r5", "among five"}, {"t2v_r10", "among ten"}, {"v2t_r1", "caption found first"}}
	for _, set := range []string{"", "unseen_"} {
		for _, m := range [][2]string{{"zero_shot", "naming"}, {"image_to_text", "captions found"}, {"text_to_image", "pictures found"}} {
			out = append(out, struct{ name, title string }{set + m[0], strings.ReplaceAll(set, "_", " ") + m[1]})
		}
	}
	return out
}()
