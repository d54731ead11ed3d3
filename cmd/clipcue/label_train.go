package main

import (
	"fmt"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// training is what `label train` prints as JSON.
type training struct {
	Label   string `json:"label"`
	Trained bool   `json:"trained"` // whether the label has a trained head now
	label.Comparison
}

func (a *app) labelTrainCommand() *cobra.Command {
	var o embedderFlags
	c := &cobra.Command{
		Use:   "train --library DIR NAME",
		Short: "Train a better head for a label, if the marks allow one",
		Long: `Trains a head that is not linear, and compares it with the linear one by cross-validation
over the marks: each video is scored by heads that learned from other videos only. If the
log loss of the trained head is lower by more than its standard error, the label uses it
from then on: in suggest, eval, apply and watch. Otherwise the label uses the linear head.

A trained head can learn labels that are several things. It learns from every later mark,
as the linear one does, but takes longer to score moments. With twice as many marks, train
again. The library stores the decision; an interrupted training changes nothing.`,
		Example: `  clipcue label train --library lib leash`,
		Args:    arguments(1, 1, "a name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.teachOne(c, o, args[0], func(t *library.Teacher) error {
				x := training{Label: t.Name}
				var err error
				if x.Comparison, err = t.Compare(c.Context()); err != nil {
					return labelError(t, err)
				}
				x.Trained = x.Better
				if err := library.SetTrained(c.Context(), o.library, t.Name, x.Trained, x.Marks); err != nil {
					return err
				}
				return a.printTraining(x, o.json)
			})
		},
	}
	o.add(c)
	return c
}

func (a *app) printTraining(x training, asJSON bool) error {
	if asJSON {
		return a.json(x)
	}
	head := "linear: the trained head is not better by more than the standard error"
	if x.Trained {
		head = "trained"
	}
	return a.pairs([][2]string{
		{"loss, linear", fmt.Sprintf("%.3f", x.LinearLoss)}, {"loss, trained", fmt.Sprintf("%.3f ± %.3f", x.TrainedLoss, x.Error)},
		{"marks", fmt.Sprintf("%d in %s", x.Marks, english.Plural(x.Videos, "video", ""))}, {"head", head},
	})
}
