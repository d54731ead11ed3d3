package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/progress"
	"github.com/clipcue/clipcue/internal/synth"
)

func (a *app) synthCommand() *cobra.Command {
	var o synth.Options
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "synth --out FOLDER",
		Short: "Render captioned, labeled videos or pictures to try things on",
		Long: `Renders colored shapes over textured grounds, with all that is true of them in
manifests. The same seed gives the same files; what is there is not rendered again.

--kind motions    mp4 videos, one folder a class, labeled with what happens; many of
                  the classes differ in the order of time alone
--kind objects    mp4 videos labeled with what is seen, such as "red circle"
--kind untrimmed  longer mp4 videos with timed segments: one to four motions each, or
                  with --label objects shapes that come and go
--kind pictures   PNG pictures

labels.csv has path, label and split, for untrimmed videos and for takes start and
end too; those of untrimmed videos are also in segments.csv. captions.jsonl has a
sentence for each video or picture. With --combinations seen a sixth of the
combinations of color and shape is never shown, with --combinations unseen nothing
else.

The motions are: ` + strings.Join(synth.Classes(), ", ") + `.
The colors are: ` + strings.Join(synth.Colors(), ", ") + `.
The shapes are: ` + strings.Join(synth.Shapes, ", ") + ".",
		Example: "  clipcue synth --out videos --per-class 10\n  clipcue synth --kind pictures --out pictures --total 5000 --combinations seen",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			for i, name := range o.Classes {
				name = strings.TrimSpace(name)
				o.Classes[i] = name
				if known := o.Known(); !slices.Contains(known, name) {
					return usageError{fmt.Errorf("--classes: there is no class %q; there are %s", name, strings.Join(known, ", "))}
				}
			}
			idle := map[synth.Kind][]string{
				synth.KindMotions: {"total", "label"}, synth.KindObjects: {"total", "label", "simple"}, synth.KindUntrimmed: {"per-class", "takes", "simple"},
				synth.KindPictures: {"per-class", "takes", "classes", "fps", "seconds", "label", "simple"},
			}
			for _, name := range idle[o.Kind] {
				if c.Flags().Changed(name) {
					return usageError{fmt.Errorf("--%s says nothing about --kind %s", name, o.Kind)}
				}
			}
			if o.Kind == synth.KindUntrimmed { // which has defaults of its own
				if !c.Flags().Changed("seconds") {
					o.Seconds = 0
				}
				if !c.Flags().Changed("total") {
					o.Total = 0
				}
			}
			what := "videos"
			if o.Kind == synth.KindPictures {
				what = "pictures"
			}
			var bar *progress.Bar
			total := 0
			manifest, err := synth.Generate(c.Context(), out, o, func(done, of int) {
				if bar == nil {
					bar = a.progress.Start("render", int64(of), what)
				}
				total = of
				bar.Set(int64(done))
			})
			bar.Done()
			if err != nil {
				return interrupted(c.Context(), out, err)
			}
			if asJSON {
				return a.json(map[string]any{"manifest": manifest, what: total})
			}
			_, err = fmt.Fprintf(a.out, "%d %s in %s, described in %s\n", total, what, out, manifest)
			return err
		},
	}
	required(c, "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "folder to write to")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of everything that is random")
	o.PerClass, o.Takes, o.Width, o.Height, o.FPS, o.Seconds = 24, 1, 96, 96, 12, 2
	o.Kind, o.Set = synth.KindMotions, synth.All
	oneOf(c, &o.Kind, "kind", synth.Kinds, "what to render: motions, objects, untrimmed or pictures")
	o.Label = synth.LabelMotions
	oneOf(c, &o.Label, "label", synth.LabelNames, "untrimmed: what segments are labeled with: motions or objects")
	oneOf(c, &o.Set, "combinations", synth.Sets, "which colors with which shapes: all, seen or unseen")
	whole(c, &o.PerClass, "per-class", 1, "motions and objects: videos for each class")
	o.Total = 1000
	whole(c, &o.Total, "total", 1, "pictures, or untrimmed videos, of which it is 60 if not said")
	f.StringSliceVar(&o.Classes, "classes", nil, "only these classes, separated by commas")
	f.BoolVar(&o.Simple, "simple", false, "motions: no shape that only stands by, and a camera that stands still")
	whole(c, &o.Width, "width", 16, "pixels across, an even number")
	whole(c, &o.Height, "height", 16, "pixels down, an even number")
	number(c, &o.FPS, "fps", false, "frames a second")
	number(c, &o.Seconds, "seconds", false, "length of each video or take, of untrimmed videos 12 if not said, or 60 with --label objects")
	whole(c, &o.Takes, "takes", 1, "motions and objects: scenes in each video, one after the other, with a label each")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}
