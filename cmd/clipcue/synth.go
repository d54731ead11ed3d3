package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/synth"
	"github.com/clipcue/clipcue/progress"
)

func (a *app) synthCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "synth",
		Short: "Render captioned, labeled videos or images to try clipcue on",
		Long: `Renders colored shapes on textured backgrounds, and manifests that describe them.
The same seed produces the same files. Files that exist are not rendered again.

labels.csv has the columns path, label and split; for untrimmed videos and with
--takes also start and end. segments.csv lists the segments of untrimmed videos.
captions.jsonl has one caption for each video or image.

--combinations seen leaves out a sixth of the combinations of color and shape;
--combinations unseen renders only those.

Motions: ` + strings.Join(synth.Classes(), ", ") + `.
Colors: ` + strings.Join(synth.Colors(), ", ") + `.
Shapes: ` + strings.Join(synth.Shapes, ", ") + ".",
		Example: "  clipcue synth motions --out videos --per-class 10\n  clipcue synth pictures --out pictures --total 5000 --combinations seen",
	}
	c.AddCommand(a.synthMotionsCommand(), a.synthObjectsCommand(), a.synthUntrimmedCommand(), a.synthPicturesCommand())
	return c
}

func (a *app) synthMotionsCommand() *cobra.Command {
	o := synthDefaults(synth.KindMotions)
	c := a.synthKind(&o, "Render short videos labeled with a motion",
		`Renders mp4 videos, one folder per class. Many classes differ only in the order of
time, such as growing and shrinking.`,
		"  clipcue synth motions --out videos --per-class 10 --only growing,shrinking")
	synthClassFlags(c, &o)
	synthVideoFlags(c, &o, 2)
	c.Flags().BoolVar(&o.Simple, "simple", false, "omit the distractor shapes and the camera motion")
	return c
}

func (a *app) synthObjectsCommand() *cobra.Command {
	o := synthDefaults(synth.KindObjects)
	c := a.synthKind(&o, "Render short videos labeled with a shape, such as \"red circle\"",
		"Renders mp4 videos, one folder per class.",
		`  clipcue synth objects --out videos --only "red circle,blue ring"`)
	synthClassFlags(c, &o)
	synthVideoFlags(c, &o, 2)
	return c
}

func (a *app) synthUntrimmedCommand() *cobra.Command {
	o := synthDefaults(synth.KindUntrimmed)
	c := a.synthKind(&o, "Render longer videos with timed segments",
		`Renders mp4 videos that show one to four motions each. With --labels objects, shapes
appear and disappear instead, and segments are labeled with the shape.`,
		"  clipcue synth untrimmed --out videos --labels objects --total 24")
	flags.OneOf(c, &o.Label, "labels", synth.LabelNames, "what segments are labeled with: motions or objects")
	o.Total = 60
	flags.Int(c, &o.Total, "total", 1, "number of files to render")
	synthVideoFlags(c, &o, 0)
	c.Flags().Lookup("seconds").DefValue = "12, or 60 with --labels objects"
	synthOnlyFlag(c, &o)
	return c
}

func (a *app) synthPicturesCommand() *cobra.Command {
	o := synthDefaults(synth.KindPictures)
	c := a.synthKind(&o, "Render PNG images with captions",
		"Renders PNG images, and captions that describe them.",
		"  clipcue synth pictures --out pictures --total 5000 --combinations seen")
	o.Total = 1000
	flags.Int(c, &o.Total, "total", 1, "number of files to render")
	return c
}

// synthDefaults returns the options of a kind before its flags are read.
func synthDefaults(kind synth.Kind) synth.Options {
	return synth.Options{Kind: kind, Set: synth.All, Label: synth.LabelMotions, Width: 96, Height: 96, FPS: 12, Takes: 1, PerClass: 24}
}

// synthKind returns the command that renders one kind, with the flags that all kinds
// share.
func (a *app) synthKind(o *synth.Options, short, long, example string) *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:     string(o.Kind) + " --out FOLDER",
		Short:   short,
		Long:    long,
		Example: example,
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.synthesize(c, out, *o, asJSON)
		},
	}
	flags.Out(c, &out, "folder to write to")
	flags.Seed(c, &o.Seed)
	flags.OneOf(c, &o.Set, "combinations", synth.Sets, "combinations of color and shape: all, seen or unseen")
	flags.Int(c, &o.Width, "width", 16, "width of a frame in pixels, an even number")
	flags.Int(c, &o.Height, "height", 16, "height of a frame in pixels, an even number")
	flags.JSON(c, &asJSON)
	return c
}

// synthVideoFlags adds the flags of the kinds that are videos.
func synthVideoFlags(c *cobra.Command, o *synth.Options, seconds float64) {
	flags.FPS(c, &o.FPS)
	o.Seconds = seconds
	flags.Positive(c, &o.Seconds, "seconds", "length of a video, or of a take, in seconds")
}

// synthClassFlags adds the flags of the kinds that have videos of one class each.
func synthClassFlags(c *cobra.Command, o *synth.Options) {
	flags.Int(c, &o.PerClass, "per-class", 1, "number of videos per class")
	flags.Int(c, &o.Takes, "takes", 1, "number of consecutive scenes in a video, each with a label")
	synthOnlyFlag(c, o)
}

func synthOnlyFlag(c *cobra.Command, o *synth.Options) {
	c.Flags().StringSliceVar(&o.Classes, "only", nil, "classes to render, separated by commas (default all)")
}

// synthesize renders a data set and prints a summary.
func (a *app) synthesize(c *cobra.Command, out string, o synth.Options, asJSON bool) error {
	for i, name := range o.Classes {
		name = strings.TrimSpace(name)
		o.Classes[i] = name
		if known := o.Known(); !slices.Contains(known, name) {
			return usageError{fmt.Errorf("--only: unknown class %q; available: %s", name, strings.Join(known, ", "))}
		}
	}
	what := "videos"
	if o.Kind == synth.KindPictures {
		what = "pictures"
	}
	var bar *progress.Stage
	total := 0
	manifest, err := synth.Generate(c.Context(), out, o, func(done, of int) {
		if bar == nil {
			bar = a.progress.Start("render", int64(of), what)
		}
		total = of
		bar.Set(int64(done))
	})
	bar.Finish()
	if err != nil {
		return interrupted(c.Context(), out, err)
	}
	if asJSON {
		return a.json(map[string]any{"manifest": manifest, what: total})
	}
	_, err = terminal.Fprintf(a.out, "%d %s in %s, described in %s\n", total, what, out, manifest)
	return err
}
