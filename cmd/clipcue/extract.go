package main

import (
	"cmp"
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
folder that was given. Run again, it does only what is missing or has changed:
a video's size, and its time or content. Several runs may fill one store at the
same time, each with its own videos.

A video that cannot be read is skipped, named and counted; failures.jsonl in the
store lists those that it lacks. The account at the end tells how many videos
were done, present and failed, the frames a second, how many frames were not
encoded because they equal the one before, and how busy the encoder was. The exit
code is 0 if all is well, 3 if some videos failed, 1 if all did or the run was
stopped.`,
		Example: "  clipcue extract --model ViT-B/16 --out features videos/",
		Args:    arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if o.Sampling, err = s.sampling(c); err != nil {
				return err
			}
			sources, unreadable, err := video.Discover(args)
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
			report.Videos += len(unreadable)
			report.Failed = append(report.Failed, failures(unreadable)...)
			for _, f := range report.Failed {
				a.log.Warn("skipped", "video", f.Path, "reason", f.Reason)
			}
			for _, f := range report.Partial {
				a.log.Warn("taken in part", "video", f.Path, "reason", f.Reason)
			}
			return a.account(report, err, asJSON)
		},
	}
	b.add(c)
	b.addPrecision(c)
	s.add(c)
	required(c, "out")
	f := c.Flags()
	f.StringVar(&out, "out", "", "folder of the feature store")
	whole(c, &o.Stream, "stream", 0, "number of the video stream to take, from 1; 0 means the default one")
	f.BoolVar(&o.AllowPartial, "allow-partial", false, "take what can be decoded of a damaged video")
	timeout(c, &o.Timeout)
	whole(c, &o.Batch, "batch", 0, "frames a pass through the backbone; 0 means 32")
	whole(c, &o.Decoders, "decoders", 0, "videos decoded at a time; 0 means 2")
	f.BoolVar(&o.Force, "force", false, "replace features of another backbone or sampling")
	f.BoolVar(&o.Strict, "strict", false, "stop at the first video that fails")
	whole(c, &o.MaxFailures, "max-failures", 0, "stop when more videos than this have failed; 0 means no limit")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

// account tells what a run came to, and how the command ends. What is no result,
// because the run was stopped, is told in the log.
func (a *app) account(r feature.Report, err error, asJSON bool) error {
	switch {
	case err != nil && r.Seconds == 0: // before anything was done
		return err
	case asJSON:
		err = errors.Join(err, a.json(r))
	case err != nil:
		a.log.Info("stopped", "account", r)
	default:
		_, err = fmt.Fprintln(a.out, r)
	}
	return cmp.Or(err, failedVideos(len(r.Failed)))
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
