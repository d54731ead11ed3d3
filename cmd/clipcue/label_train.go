package main

import (
	"fmt"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// training is what `label train` prints as JSON. The comparison is that of the best candidate.
type training struct {
	Label   string       `json:"label"`
	Trained bool         `json:"trained"` // whether the label has a trained head now
	Method  label.Method `json:"method"`  // by which it learns now
	label.Comparison
	Candidates []label.Comparison `json:"candidates"`
}

// auto compares all methods.
const auto label.Method = "auto"

func (a *app) labelTrainCommand() *cobra.Command {
	var o embedderFlags
	method := label.Kernel
	c := &cobra.Command{
		Use:   "train --library DIR NAME",
		Short: "Train a better head for a label, if the marks allow one",
		Long: `Trains heads that are not linear, and compares them with the linear one by cross-validation
over the marks: each video is scored by heads that learned from other videos only. If the
log loss of a trained head is lower by more than its standard error, the label uses it
from then on: in suggest, eval, apply and watch. Otherwise the label uses the linear head.

kernel      a head that can learn labels that are several things; takes seconds
recognizer  prompts and a temporal Transformer, trained on the stored frames, whose scores
            are one more input of the linear head; takes minutes
auto        both; the better one is used

A trained head learns from every later mark, but takes longer to score moments. A
recognizer itself stays as it is. With twice as many marks, train again. The library
changes at the end; an interrupted training changes nothing.`,
		Example: `  clipcue label train --library lib leash
  clipcue label train --library lib leash --method auto`,
		Args: arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.teach(c, o, clip.TextTower, args, func(x lesson) error { return a.train(c, x, method, o) })
		},
	}
	o.add(c)
	flags.OneOf(c, &method, "method", []label.Method{label.Kernel, label.Recognizer, auto}, "what to train: kernel, recognizer or auto")
	return c
}

// train trains the only label of a lesson.
func (a *app) train(c *cobra.Command, x lesson, method label.Method, o embedderFlags) error {
	methods := []label.Method{method}
	if method == auto {
		methods = []label.Method{label.Kernel, label.Recognizer}
	}
	t := x.teachers[0]
	r, err := x.library.Train(c.Context(), t, methods, a.progress)
	if err != nil {
		return labelError(t, err)
	}
	if err := library.SetTraining(c.Context(), o.library, t.Name, r); err != nil {
		return labelError(t, err)
	}
	return a.printTraining(training{t.Name, r.Better, r.Method, r.Comparison, r.Candidates}, o.json)
}

func (a *app) printTraining(x training, asJSON bool) error {
	if asJSON {
		return a.json(x)
	}
	head := string(x.Method)
	if !x.Trained {
		head = "linear: no trained head is better by more than the standard error"
	}
	rows := [][2]string{{"loss, linear", fmt.Sprintf("%.3f", x.LinearLoss)}}
	for _, k := range x.Candidates {
		text := fmt.Sprintf("%.3f ± %.3f", k.TrainedLoss, k.Error)
		if k.TrainedRank > k.LinearRank {
			text += fmt.Sprintf("; positive marks rank lower among all moments: %.0f, not %.0f", k.TrainedRank, k.LinearRank)
		}
		rows = append(rows, [2]string{"loss, " + string(k.Method), text})
	}
	return a.pairs(append(rows, [][2]string{{"marks", fmt.Sprintf("%d in %s", x.Marks, english.Plural(x.Videos, "video", ""))}, {"head", head}}...))
}
