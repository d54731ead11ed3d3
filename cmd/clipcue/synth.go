package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/internal/progress"
	"github.com/clipcue/clipcue/synth"
)

func (a *app) synthCommand() *cobra.Command {
	var o synth.Options
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "synth --out FOLDER",
		Short: "Render labelled videos to try things on",
		Long: `Renders mp4 videos of shapes that move, turn, grow and vanish over textured
grounds, in one folder a class, and labels.csv with path, label and split. Many of
the classes differ in the order of time alone. The same seed gives the same videos.

The classes are: ` + strings.Join(synth.Classes(), ", ") + ".",
		Example: "  clipcue synth --out videos --per-class 10",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			for _, name := range o.Classes {
				if !slices.Contains(synth.Classes(), name) {
					return usageError{fmt.Errorf("--classes: there is no class %q; there are %s", name, strings.Join(synth.Classes(), ", "))}
				}
			}
			var bar *progress.Bar
			total := 0
			manifest, err := synth.Generate(c.Context(), out, o, func(done, of int) {
				if bar == nil {
					bar = a.progress.Start("render", int64(of), "videos")
				}
				total = of
				bar.Set(int64(done))
			})
			bar.Done()
			if err != nil {
				return err
			}
			if asJSON {
				return a.json(map[string]any{"manifest": manifest, "videos": total})
			}
			_, err = fmt.Fprintf(a.out, "%d videos in %s, labelled in %s\n", total, out, manifest)
			return err
		},
	}
	required(c, "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "folder to write to")
	f.Uint64Var(&o.Seed, "seed", 0, "seed of everything that is random")
	o.PerClass, o.Width, o.Height, o.FPS, o.Seconds = 24, 96, 96, 12, 2
	whole(c, &o.PerClass, "per-class", 1, "videos for each class")
	f.StringSliceVar(&o.Classes, "classes", nil, "only these classes, separated by commas")
	whole(c, &o.Width, "width", 16, "pixels across, an even number")
	whole(c, &o.Height, "height", 16, "pixels down, an even number")
	number(c, &o.FPS, "fps", false, "frames a second")
	number(c, &o.Seconds, "seconds", false, "length of each video")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}
