package main

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/walk"
	"github.com/clipcue/clipcue/video"
)

// extractFlags are the flags of `extract`.
type extractFlags struct {
	backbone flags.Backbone
	sampling flags.Sampling
	options  feature.Options
	out      string
	json     bool
}

func (a *app) extractCommand() *cobra.Command {
	var o extractFlags
	c := &cobra.Command{
		Use:   "extract --model PATH --out STORE VIDEO|FOLDER...",
		Short: "Extract frame features from videos",
		Long: `Decodes videos, encodes their frames with the backbone's image tower and stores the
features, one file per video, named by the video's path below the given folder. Run
again, it processes only videos that are missing or have changed in size and in time
or content. Several runs may write to one store at the same time, each with its own
videos.

Unreadable videos are skipped and reported; failures.jsonl in the store lists them.
The summary at the end has the number of videos done, present and failed, frames per
second, how many frames were not encoded because they equal the one before, or with
--still nearly equal the last encoded one, and how busy the encoder was. The exit code is 0 if all is well, 3 if some videos failed, and
1 if all failed or the run was stopped.`,
		Example: "  clipcue extract --model ViT-B/16 --out features videos/",
		Args:    arguments(1, -1, "at least one video or folder"),
		RunE:    func(c *cobra.Command, args []string) error { return a.extract(c, args, o) },
	}
	o.backbone.Add(c)
	o.backbone.AddPrecision(c)
	o.sampling.Add(c)
	flags.Out(c, &o.out, "folder of the feature store")
	flags.Decoding(c, &o.options)
	flags.Extraction(c, &o.options)
	flags.Still(c, &o.options.Still)
	flags.Force(c, &o.options.Force)
	flags.JSON(c, &o.json)
	return c
}

func (a *app) extract(c *cobra.Command, paths []string, o extractFlags) error {
	var err error
	if o.options.Sampling, err = o.sampling.Choose(c); err != nil {
		return usageError{err}
	}
	found, err := video.Discover(paths)
	if err != nil {
		return err
	}
	a.noteSkipped(found)
	m, _, err := a.load(o.backbone, clip.ImageTower)
	if err != nil {
		return err
	}
	store, err := feature.Create(o.out)
	if err != nil {
		return err
	}
	o.options.Progress = a.progress
	report, err := feature.Extract(c.Context(), m, found.Videos, store, o.options)
	report.Videos += len(found.Unreadable)
	report.Failed = append(report.Failed, failures(found.Unreadable)...)
	a.warnVideos(report)
	return a.summarize(report, err, o.json)
}

// noteSkipped logs how many files of the folders are no videos.
func (a *app) noteSkipped(l video.Listing) {
	if skipped := walk.Describe(l.Skipped); skipped != "" {
		a.log.Info("not videos", "skipped", skipped)
	}
}

// warnVideos logs the videos that failed or could be decoded only in part, and those with
// wrong timestamps.
func (a *app) warnVideos(r feature.Report) {
	for _, f := range r.Failed {
		a.skipped("video", f)
	}
	for _, f := range r.Partial {
		a.log.Warn("decoded only in part", "video", f.Path, "reason", f.Reason)
	}
	a.warnCorrected(r.Corrected)
}

// warnCorrected logs the videos whose timestamps were corrected.
func (a *app) warnCorrected(videos []feature.Failure) {
	for _, f := range videos {
		a.log.Warn("corrected", "video", f.Path, "reason", f.Reason)
	}
}

// summarize prints the summary of an extraction and returns the error of the command.
// The summary of a run that was stopped goes to the log.
func (a *app) summarize(r feature.Report, err error, asJSON bool) error {
	switch {
	case err != nil && r.Seconds == 0: // before anything was done
		return err
	case asJSON:
		err = errors.Join(err, a.json(r))
	case err != nil:
		a.log.Info("stopped", "summary", r)
	default:
		_, err = fmt.Fprintln(a.out, r)
	}
	return cmp.Or(err, failedVideos(len(r.Failed)))
}

// failedVideos returns the error of a command that finished without n videos, which
// were reported.
func failedVideos(n int) error {
	switch n {
	case 0:
		return nil
	case 1:
		return partialError{errors.New("done, but 1 video failed and was skipped")}
	}
	return partialError{fmt.Errorf("done, but %d videos failed and were skipped", n)}
}
