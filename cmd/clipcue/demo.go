package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/demo"
)

func (a *app) demoCommand() *cobra.Command {
	var o demo.Options
	var asJSON bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "See the whole thing work, from nothing",
		Long: `Renders videos of shapes that move, turn, grow and vanish, turns them into
features, learns to name what happens with and without a temporal Transformer,
measures both, and names the actions in videos that were rendered afterwards.

The backbone is small and has random weights, because no trained one comes with
the program: what the recognisers know, they learned from the rendered videos.`,
		Example: "  clipcue demo --out demo",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log, o.Progress, o.Threads = a.log, a.progress, a.threads
			began := time.Now()
			r, err := demo.Run(c.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(r)
			}
			return a.printDemo(r, o.Dir, time.Since(began))
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "out", "demo", "folder for everything that is made")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of everything that is random")
	o.PerClass, o.Steps = 100, 800
	whole(c, &o.PerClass, "per-class", 4, "videos to render for each class")
	whole(c, &o.Steps, "steps", 1, "steps to train each recogniser")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func (a *app) printDemo(r *demo.Result, dir string, took time.Duration) error {
	fmt.Fprintf(a.out, "\n%d rendered videos of %d classes; the backbone %s is small and random, not trained.\n\n", r.Videos, len(r.Classes), r.Backbone)
	w := tabwriter.NewWriter(a.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "on test videos\ttop-1\ttop-5")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "%s\t%.1f %%\t%.1f %%\n", row.Name, 100*row.Top1, 100*row.Top5)
	}
	fmt.Fprintf(w, "chance\t%.1f %%\t%.1f %%\n", 100/float64(len(r.Classes)), 500/float64(len(r.Classes)))
	fmt.Fprintln(w, "\nvideos rendered afterwards\tare\tnamed")
	right := 0
	for _, u := range r.Unseen {
		if u.Label == u.Says.Label {
			right++
		}
		fmt.Fprintf(w, "%s\t%s\t%s (%.0f %%)\n", u.Path, u.Label, u.Says.Label, 100*u.Says.Score)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.out, "\n%d of %d are right. All this took %.0f s and lies in %s; try:\n  clipcue classify --adapter %s %s\n",
		right, len(r.Unseen), took.Seconds(), dir, r.Model, r.Unseen[0].Path)
	return err
}
