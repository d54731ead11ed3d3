package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/video"
)

// checkedVideo is an item of what `check` prints as JSON.
type checkedVideo struct {
	*video.Report
	Error string `json:"error,omitempty"`
}

func (a *app) checkCommand() *cobra.Command {
	var o video.CheckOptions
	var asJSON bool
	c := &cobra.Command{
		Use:   "check VIDEO|FOLDER...",
		Short: "Check videos before extraction",
		Long: `Prints the length of each video, its number of frames, anything unusual about it, and
why its extraction would fail. It reads headers and timestamps. With --decode it also
decodes every frame: that takes as long as extraction without the backbone, and finds
everything that extraction would find. Only --decode finds damaged frames, and sizes,
rotations and colors that change within a video.`,
		Example: `  clipcue check videos/
  clipcue check --decode --json clip.mp4`,
		Args: arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			sources, folders, err := a.videosOf(args)
			if err != nil {
				return err
			}
			items, failed, err := a.check(c.Context(), sources, o)
			if err != nil {
				return err
			}
			for _, f := range folders {
				failed++
				items = append(items, checkedVideo{&video.Report{Info: video.Info{Path: f.Path}, Notes: []string{}}, f.Reason})
			}
			if asJSON {
				err = a.json(items)
			} else {
				err = a.printChecked(items)
			}
			if err == nil && failed == len(items) {
				return fmt.Errorf("none of %d videos can be used", failed)
			}
			if failed > 0 {
				err = errors.Join(err, partialError{fmt.Errorf("%d of %d videos cannot be used", failed, len(items))})
			}
			return err
		},
	}
	f := c.Flags()
	f.BoolVar(&o.Decode, "decode", false, "also decode every frame")
	flags.Stream(c, &o.Stream)
	flags.Timeout(c, &o.Timeout)
	flags.JSON(c, &asJSON)
	return c
}

// check looks at videos, as many at a time as there are cores, and returns what
// it saw in the order given.
func (a *app) check(ctx context.Context, sources []video.Source, o video.CheckOptions) ([]checkedVideo, int, error) {
	items := make([]checkedVideo, len(sources))
	bar := a.progress.Start("check", int64(len(sources)), "videos")
	defer bar.Finish()
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(sources)) {
		workers.Go(func() {
			defer crash.Recover()
			for i := range next {
				report, err := video.Check(inner, sources[i].Path, o)
				items[i].Report = report
				if fault, ok := errors.AsType[*video.Error](err); ok {
					fault.Path = ""
					items[i].Error = strings.TrimPrefix(fault.Error(), ": ")
				} else if err != nil {
					stop(err)
				}
				bar.Add(1)
			}
		})
	}
	for i := range sources {
		select {
		case next <- i:
		case <-inner.Done():
		}
	}
	close(next)
	workers.Wait()
	if err := context.Cause(inner); err != nil {
		return nil, 0, err
	}
	failed := 0
	for _, it := range items {
		if it.Error != "" {
			failed++
		}
	}
	return items, failed, nil
}

func (a *app) printChecked(items []checkedVideo) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIDEO\tSECONDS\tFRAMES\tRATE\tSIZE\tCODEC\tREMARKS")
	for _, it := range items {
		remarks := it.Notes
		if it.Error != "" {
			remarks = append([]string{"FAILS: " + it.Error}, remarks...)
		}
		if it.Codec == "" { // not even the headers could be read
			terminal.Fprintf(w, "%s\t\t\t\t\t\t%s\n", it.Path, strings.Join(remarks, "; "))
			continue
		}
		terminal.Fprintf(w, "%s\t%.3f\t%d\t%.4g\t%dx%d\t%s\t%s\n", it.Path, it.Duration, it.Frames, it.FrameRate,
			it.Width, it.Height, it.Codec, strings.Join(remarks, "; "))
	}
	return w.Flush()
}
