package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// localizeFlags are the flags of `localize`.
type localizeFlags struct {
	backbone                                      flags.Backbone
	run                                           flags.Run
	sampling                                      flags.Sampling
	decoding                                      feature.Options
	detector                                      detectorFlags
	classes, proposals                            string
	subtitles, edl, output, html, outputProposals string
	minScore, overlap, temporalScale              float64
	json                                          bool
}

func (a *app) localizeCommand() *cobra.Command {
	var o localizeFlags
	c := &cobra.Command{
		Use:   "localize --run RUN VIDEO|FOLDER...",
		Short: "Find actions in long videos, with their times",
		Long: `Finds the actions in each video with a model of train localization, over its own
classes or those of --classes. Videos may have any length: frames are processed as a
stream and only their features are kept.

--json prints ActivityNet's results, {"results": {video: [{label, score, segment}]}},
in seconds. --subtitles shows them in a player, --edl in an editor, and --html on a
page with frames of the video. --overlap removes duplicates: if two detections of a
class share more than this part of the shorter one, only the better one is reported.`,
		Example: `  clipcue localize --run run video.mp4
  clipcue localize --run run --classes names.txt video.mp4 --subtitles video.srt --html video.html`,
		Args: arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			sampling, err := o.sampling.Choose(c)
			if err != nil {
				return usageError{err}
			}
			if o.subtitles != "" {
				if _, err := localization.Subtitles(o.subtitles); err != nil {
					return usageError{fmt.Errorf("--subtitles %w", err)}
				}
			}
			names, err := readClasses(o.classes)
			if err != nil {
				return err
			}
			sources, folders, err := a.videosOf(args)
			if err != nil {
				return err
			}
			if len(sources) > 1 && (o.subtitles != "" || o.edl != "") {
				return usageError{fmt.Errorf("--subtitles and --edl take one video, got %d", len(sources))}
			}
			w, err := a.localizing(c, o, names, sampling)
			if err != nil {
				return err
			}
			found, failed, err := a.localize(c.Context(), w, sources)
			if err != nil {
				return err
			}
			a.warnFolders(folders)
			err = a.writeFound(c.Context(), found, o) // before printing, whose reader may stop early
			if o.json {
				err = errors.Join(err, found.results().Write(a.data))
			} else {
				err = errors.Join(err, found.print(a.out))
			}
			return errors.Join(err, failedVideos(failed+len(folders)))
		},
	}
	o.add(c)
	return c
}

func (o *localizeFlags) add(c *cobra.Command) {
	o.run.Add(c)
	flags.Required(c, "run")
	o.backbone.AddOfRun(c)
	o.backbone.AddPrecision(c)
	o.sampling.AddOfRun(c)
	flags.Decoding(c, &o.decoding)
	flags.Classes(c, &o.classes)
	flags.Proposals(c, &o.proposals)
	o.minScore, o.overlap = 0.2, 0.5
	flags.Below1(c, &o.minScore, "min-score", "minimum score of a result, from 0 to 1")
	flags.NotNegative(c, &o.overlap, "overlap", "maximum overlap of detections of one class; 1 keeps all")
	f := c.Flags()
	f.StringVar(&o.subtitles, "subtitles", "", "file for subtitles, .srt or .vtt")
	f.StringVar(&o.edl, "edl", "", "file for an edit decision list (CMX 3600)")
	flags.Detections(c, &o.output)
	flags.HTML(c, &o.html)
	f.StringVar(&o.outputProposals, "output-proposals", "", "file for the proposals: ActivityNet JSON, or CSV (.csv)")
	flags.TemporalScale(c, &o.temporalScale)
	o.detector.add(c)
	flags.JSON(c, &o.json)
}

// localizing is how `localize` processes a video.
type localizing struct {
	backbone          *clip.Model
	localizer         *localization.Localizer
	extract           feature.Options
	proposed          localization.Results // nil for the model's own proposals
	minScore, overlap float64
	maxDetections     int // per ten minutes
}

// localizing opens the run and reads the proposals that were given.
func (a *app) localizing(c *cobra.Command, o localizeFlags, names []string, sampling video.Sampling) (*localizing, error) {
	run, l, err := adapter.OpenModel(c.Context(), o.run.Path, a.openOptions(o.run, o.backbone, names), localization.New)
	if err != nil {
		return nil, err
	}
	if !o.sampling.Given(c) {
		if sampling, err = run.File.VideoSampling(); err != nil {
			return nil, &advisedError{fmt.Errorf("%s: %w", run.Path, err), fmt.Sprintf("--fps %.4g, the rate of its features", l.Rate())}
		}
	}
	if err := o.detector.apply(c, l); err != nil {
		return nil, err
	}
	if err := setTemporalScale(c, l, o.temporalScale); err != nil {
		return nil, fmt.Errorf("%s: %w", run.Path, err)
	}
	w := &localizing{backbone: run.Backbone, localizer: l, extract: o.decoding, minScore: o.minScore, overlap: o.overlap}
	w.extract.Sampling, w.extract.Progress = sampling, a.progress
	if o.proposals != "" {
		if w.proposed, err = localization.ReadProposals(o.proposals); err != nil {
			return nil, err
		}
	} else if l.Detector() == nil {
		return nil, fmt.Errorf("%s: %w", run.Path, localization.ErrNoDetector)
	}
	// All detections are computed; the limit applies to those that are reported.
	w.maxDetections, l.Eval.MaxDetections = l.Eval.MaxDetections, math.MaxInt32
	return w, nil
}

// located is the result of one video.
type located struct {
	source     video.Source
	provenance feature.Provenance
	length     float64 // seconds
	detections []localization.Detection
	proposals  []localization.Detection
	failed     bool
}

// locations are results in the order of the videos.
type locations []located

// localize finds what happens in videos, in the order given, and returns how many
// failed.
func (a *app) localize(ctx context.Context, w *localizing, sources []video.Source) (locations, int, error) {
	out := make(locations, len(sources))
	place := map[string]int{}
	for i, src := range sources {
		out[i].source = src
		place[src.ID] = i
	}
	find := w.proposed.Finder()
	report, err := feature.ExtractFunc(ctx, w.backbone, sources, w.extract, func(q *feature.Sequence) error {
		x := &out[place[q.ID]]
		x.provenance, x.length = q.Provenance, localization.Duration(q)
		p, err := a.proposals(ctx, w, find, q)
		if err != nil {
			return err
		}
		p = localization.ClipProposals(p, x.length)
		x.proposals = localization.FromProposals(p)
		found, err := w.localizer.Classify(ctx, q, p)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(d localization.Detection) bool { return d.Score < w.minScore })
		x.detections = localization.RemoveDuplicates(found, w.overlap)
		if limit := proposal.MaxPerVideo(w.maxDetections, x.length); len(x.detections) > limit {
			a.log.Warn("only the best detections are reported: raise --max-detections for more, or --min-score", "video", q.ID, "found", len(x.detections), "reported", limit)
			x.detections = x.detections[:limit]
		}
		return nil
	})
	a.warnVideos(report)
	for _, f := range report.Failed {
		out[place[f.ID]].failed = true
	}
	return out, len(report.Failed), err
}

// proposals returns the proposals for a video: the model's, or those of the file.
func (a *app) proposals(ctx context.Context, w *localizing, find func(string) (string, []localization.Detection, error), q *feature.Sequence) ([]proposal.Proposal, error) {
	if w.proposed == nil {
		return w.localizer.Propose(ctx, q)
	}
	id, found, err := find(q.ID)
	if id == "" && err == nil {
		a.log.Warn("the proposals file lacks this video", "video", q.ID)
	}
	return localization.ToProposals(found), err
}

// results returns the detections of the videos that did not fail.
func (f locations) results() localization.Results {
	r := localization.Results{}
	for _, x := range f {
		if !x.failed {
			r[x.source.Path] = x.detections
		}
	}
	return r
}

func (f locations) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, x := range f {
		if x.failed {
			continue
		}
		if len(x.detections) == 0 {
			terminal.Fprintf(w, "%s\tnothing found\n", x.source.Path)
		}
		for i, d := range localization.ByTime(x.detections) {
			path := ""
			if i == 0 {
				path = x.source.Path
			}
			terminal.Fprintf(w, "%s\t%8.2f s\t%8.2f s\t%5.1f %%\t%s\n", path, d.Start, d.End, 100*d.Score, d.Label)
		}
	}
	return w.Flush()
}

// writeFound writes what was found to the files that were asked for.
func (a *app) writeFound(ctx context.Context, found locations, o localizeFlags) error {
	one := found[0]
	if one.failed && (o.subtitles != "" || o.edl != "") {
		return nil // the exit code reports the failure
	}
	var errs []error
	write := func(path string, f func(w io.Writer) error) {
		if path != "" {
			errs = append(errs, atomicfile.Output(path, f))
		}
	}
	write(o.subtitles, func(w io.Writer) error {
		f, err := localization.Subtitles(o.subtitles)
		if err != nil {
			return err
		}
		return f(w, one.detections)
	})
	write(o.edl, func(w io.Writer) error {
		headers, err := video.Probe(ctx, one.source.Path, video.Options{Stream: one.provenance.Stream})
		if err != nil {
			return err
		}
		timecode := headers.Timecode
		if timecode.Rate == 0 {
			timecode.Rate = one.provenance.FrameRate
		}
		return localization.WriteEDL(w, one.source.Path, timecode, one.detections)
	})
	if o.output != "" {
		errs = append(errs, found.results().WriteFile(o.output))
	}
	if o.outputProposals != "" {
		all := localization.Results{}
		for _, x := range found {
			if !x.failed {
				all[x.source.Path] = x.proposals
			}
		}
		errs = append(errs, all.WriteFile(o.outputProposals))
	}
	if o.html != "" {
		errs = append(errs, a.writeTimeline(ctx, o.html, found))
	}
	return errors.Join(errs...)
}
