package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/video"
)

// samplingFlags choose the frames of a video.
type samplingFlags struct {
	fps    float64
	frames int
	all    bool
}

// defaultRate is the frames a second that are sampled if nothing is said. A
// window of 16 frames then spans two seconds, or up to eight as windows are
// drawn with gaps.
const defaultRate = 8

func (s *samplingFlags) add(c *cobra.Command) {
	s.fps = defaultRate
	number(c, &s.fps, "fps", false, "frames a second to sample")
	whole(c, &s.frames, "frames", 1, "sample this many frames instead, evenly over each video")
	c.Flags().BoolVar(&s.all, "all-frames", false, "take every frame instead")
}

func (s *samplingFlags) sampling(c *cobra.Command) (video.Sampling, error) {
	rate, count := c.Flags().Changed("fps"), c.Flags().Changed("frames")
	out := video.AtRate(s.fps)
	switch {
	case rate && count || rate && s.all || count && s.all:
		return out, usageError{errors.New("--fps, --frames and --all-frames are different ways to sample: give one")}
	case s.all:
		out = video.EveryFrame()
	case count:
		out = video.Count(s.frames)
	}
	if err := out.Validate(); err != nil {
		return out, usageError{err}
	}
	return out, nil
}

func (a *app) extractCommand() *cobra.Command {
	var b backboneFlags
	var s samplingFlags
	var o feature.Options
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "extract --model PATH --out STORE VIDEO|FOLDER...",
		Short: "Turn videos into frame features",
		Long: `Decodes videos, encodes their frames with the backbone's image tower and keeps
the features in a store, one file a video, named by the video's path below the
folder that was given. Run again, it does only what is missing or has changed.
A video that cannot be read is skipped, named and counted.`,
		Example: "  clipcue extract --model ViT-B/16 --out features videos/",
		Args:    arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Sampling, err = s.sampling(c); err != nil {
				return err
			}
			sources, err := video.Discover(args)
			if err != nil {
				return err
			}
			m, _, err := a.load(b, clip.Image)
			if err != nil {
				return err
			}
			store, err := feature.Create(out)
			if err != nil {
				return err
			}
			o.Progress = a.progress
			report, err := feature.Extract(c.Context(), m, sources, store, o)
			for _, f := range report.Failed {
				a.log.Warn("skipped", "video", f.Path, "reason", f.Reason)
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = a.json(report)
			} else {
				_, err = fmt.Fprintln(a.out, report)
			}
			return errors.Join(err, failedVideos(len(report.Failed)))
		},
	}
	b.add(c)
	b.addPrecision(c)
	s.add(c)
	required(c, "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "folder of the feature store")
	whole(c, &o.Batch, "batch", 0, "frames a pass through the backbone; 0 means 32")
	f.BoolVar(&o.Force, "force", false, "replace features of another backbone or sampling")
	f.BoolVar(&o.Strict, "strict", false, "stop at the first video that fails")
	whole(c, &o.MaxFailures, "max-failures", 0, "stop when more videos than this have failed; 0 means no limit")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// failedVideos is the error that ends a command which did its work but for n
// videos, each of which was named.
func failedVideos(n int) error {
	switch n {
	case 0:
		return nil
	case 1:
		return partialError{errors.New("done, but 1 video failed and was skipped")}
	}
	return partialError{fmt.Errorf("done, but %d videos failed and were skipped", n)}
}
