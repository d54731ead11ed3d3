package main

import (
	"context"
	"fmt"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/demo"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
)

func (a *app) demoCommand() *cobra.Command {
	var o demo.Options
	var asJSON, serve bool
	var address string
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run an experiment from rendering videos to a report",
		Long: `Renders videos of colored shapes that move, grow and vanish, several takes each.
Extracts features with the built-in backbone and repeats the paper's comparison on a
small scale: hand-written templates, prompts of three lengths, prompts with a temporal
Transformer, and clipcue's default; closed-set, few-shot, one-shot, and zero-shot on
classes that were not in training. Then it classifies videos that were rendered afterwards.

All files stay in one folder, with the tables in report.html. Files that exist are not
made again.

With --serve, it renders a small archive of videos instead, indexes it, marks some moments
of two labels and serves it as a web page.`,
		Example: "  clipcue demo --out demo\n  clipcue demo --out demo --ablation\n  clipcue demo --serve",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			o.Log, o.Progress, o.Threads = a.log, a.progress, a.threads
			if o.Threads == 0 {
				o.Threads = runtime.GOMAXPROCS(0)
			}
			if serve {
				return a.demoServe(c, o, address)
			}
			began := time.Now()
			r, err := demo.Run(c.Context(), o)
			if err != nil {
				return interrupted(c.Context(), o.Dir, err)
			}
			if asJSON {
				return a.json(r)
			}
			return a.printDemo(r, time.Since(began))
		},
	}
	f := c.Flags()
	f.StringVar(&o.Dir, "out", "demo", "folder for all files")
	flags.Seed(c, &o.Seed)
	o.PerMotion, o.Takes, o.PerObject, o.Seeds, o.Episodes, o.Steps, o.ShortSteps = 20, 12, 1, 3, 5, 500, 125
	flags.Int(c, &o.PerMotion, "per-motion", 6, "number of videos per motion")
	flags.Int(c, &o.Takes, "takes", 1, "number of consecutive scenes in a video, each with a label")
	flags.Int(c, &o.PerObject, "per-object", 1, "number of videos per colored shape")
	flags.Count(c, &o.Seeds, "seeds", 1, 1<<10, "number of trainings per method, with different seeds")
	flags.Count(c, &o.Episodes, "episodes", 1, 1<<16, "number of few-shot episodes")
	flags.Int(c, &o.Steps, "steps", 1, "number of training steps on the closed set")
	flags.Int(c, &o.ShortSteps, "short-steps", 1, "number of training steps for few-shot, one-shot and zero-shot")
	f.BoolVar(&o.Ablation, "ablation", false, "also measure each deviation from the paper; several times slower")
	f.BoolVar(&serve, "serve", false, "serve a small archive of rendered videos as a web page")
	f.StringVar(&address, "address", "127.0.0.1:8765", "address to listen on")
	flags.JSON(c, &asJSON)
	return c
}

// interrupted returns an error that names the folder with the finished work, if err is
// from an interrupt. Other errors are returned unchanged.
func interrupted(ctx context.Context, dir string, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return fmt.Errorf("interrupted; what is done is in %s: run the same command again to resume", dir)
}

func (a *app) printDemo(r *demo.Result, took time.Duration) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, t := range r.Tables {
		terminal.Fprintf(w, "\n%s\n", t.Title)
		for _, row := range t.Rows {
			cells := row.Cells()
			terminal.Fprintf(w, "  %s\t%s\t%s\n", cells[0], cells[1], cells[2])
		}
		terminal.Fprintf(w, "  guessing\t%.1f %%\t\n", 100*t.Chance)
	}
	fmt.Fprintln(w, "\nVideos rendered afterwards")
	right := 0
	for _, u := range r.Unseen {
		if u.Label == u.Says.Label {
			right++
		}
		terminal.Fprintf(w, "  %s\tis %s (%.0f %%)\t\n", u.Path, u.Says.Label, 100*u.Says.Score)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := terminal.Fprintf(a.out, "\n%d of %d of these are right. top-1 accuracy, with 95 %% intervals over trainings or episodes; %d videos, %.0f s.\nLook at %s, and try:\n  clipcue classify --run %s %s\n",
		right, len(r.Unseen), r.Videos, took.Seconds(), r.Report, r.Model, r.Unseen[0].Path)
	return err
}
