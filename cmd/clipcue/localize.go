package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/atomicfile"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
	"github.com/clipcue/clipcue/video"
)

// localizeFlags say what to do with what is found.
type localizeFlags struct {
	subtitles, edl, output, html, outputProposals string
	minScore, overlap                             float64
	most                                          int // detections, as the evaluation's
}

func (a *app) localizeCommand() *cobra.Command {
	var b backboneFlags
	var s samplingFlags
	var o localizeFlags
	var run, classes, given string
	var asJSON bool
	var scale float64
	limits := localization.DefaultConfig().Detector
	e := localization.DefaultConfig().Eval
	c := &cobra.Command{
		Use:   "localize --run FILE VIDEO|FOLDER...",
		Short: "Find what happens when in long videos",
		Long: `Finds the actions in each video with a model that was trained by train
localization (a model file or a run folder), over its own classes or those of
--classes. A video of any length streams through; only its features are kept.

--json writes ActivityNet's results, {"results": {video: [{label, score, segment}]}},
in seconds. --subtitles shows them in a player, --edl in an editor, --html as a
page with frames of the video.`,
		Example: `  clipcue localize --run run video.mp4
  clipcue localize --run run --classes names.txt video.mp4 --subtitles video.srt --html video.html`,
		Args: arguments(1, -1, "at least one video or folder"),
		RunE: func(c *cobra.Command, args []string) error {
			sampling, err := s.sampling(c)
			if err != nil {
				return err
			}
			if o.subtitles != "" {
				if _, err := localization.Subtitles(o.subtitles); err != nil {
					return usageError{fmt.Errorf("--subtitles %w", err)}
				}
			}
			var names []string
			if classes != "" {
				if names, err = dataset.ReadClasses(classes); err != nil {
					return err
				}
			}
			sources, folders, err := videosOf(args)
			if err != nil {
				return err
			}
			if len(sources) > 1 && (o.subtitles != "" || o.edl != "") {
				return usageError{fmt.Errorf("--subtitles and --edl are for one video, and there are %d", len(sources))}
			}
			m, l, f, err := a.trainedLocalizer(run, b, names)
			if err != nil {
				return err
			}
			if !c.Flags().Changed("fps") && !c.Flags().Changed("frames") && !s.all {
				if sampling, err = video.ParseSampling(f.Sampling); err != nil {
					return fmt.Errorf("%s does not say how its features were sampled (%q): give --fps %.4g", run, f.Sampling, l.Rate())
				}
			}
			if err := changeEvaluation(c, l, e, limits.Sigma, limits.MinScore, limits.MaxProposals); err != nil {
				return err
			}
			if c.Flags().Changed("temporal-scale") {
				if err := l.SetTemporalScale(scale); err != nil {
					return fmt.Errorf("--temporal-scale: %s: %w", run, err)
				}
			}
			var proposed localization.Results
			if given != "" {
				if proposed, err = localization.ReadProposals(given); err != nil {
					return err
				}
			} else if l.Detector() == nil {
				return fmt.Errorf("%s was trained on proposals from a file and has no detector of its own: give proposals by --proposals", run)
			}
			o.most, l.Eval.MaxDetections = l.Eval.MaxDetections, math.MaxInt32 // of those that are told
			found, failed, err := a.localize(c, m, l, sources, sampling, proposed, o)
			if err != nil {
				return err
			}
			for _, f := range folders {
				a.log.Warn("skipped", "folder", f.Path, "reason", f.Reason)
			}
			err = a.writeFound(c, found, o) // first, for who reads only the head of what is printed
			if asJSON {
				err = errors.Join(err, found.results().Write(a.out))
			} else {
				err = errors.Join(err, found.print(a.out))
			}
			return errors.Join(err, failedVideos(failed+len(folders)))
		},
	}
	b.add(c)
	b.addPrecision(c)
	s.add(c)
	required(c, "run")
	f := c.Flags()
	f.StringVar(&run, "run", "", "a trained model file or run folder")
	f.StringVar(&classes, "classes", "", "file of the names to choose from, one a line")
	f.StringVar(&given, "proposals", "", "take proposals from this file instead of the model's detector")
	o.minScore, o.overlap = 0.2, 0.5
	below1(c, &o.minScore, "min-score", "lowest score of what is told")
	number(c, &o.overlap, "overlap", true, "of detections of one class that share more than this much of the shorter one the better is told; 1 for all")
	f.StringVar(&o.subtitles, "subtitles", "", "write subtitles to this file, .srt or .vtt")
	f.StringVar(&o.edl, "edl", "", "write an edit decision list (CMX 3600) to this file")
	f.StringVar(&o.output, "output", "", "detections file: ActivityNet JSON, or CSV if it ends in .csv")
	f.StringVar(&o.html, "html", "", "write a page with the segments over frames of the videos to this file, such as out.html")
	f.StringVar(&o.outputProposals, "output-proposals", "", "write all proposals to this file: ActivityNet's JSON, or .csv")
	temporalScale(c, &scale)
	proposalFlags(c, &limits.Sigma, &limits.MinScore, &limits.MaxProposals)
	evaluationFlags(c, &e)
	f.BoolVar(&asJSON, "json", false, "write ActivityNet's results")
	return c
}

// located is what was found in a video.
type located struct {
	source     video.Source
	provenance feature.Provenance
	length     float64 // seconds
	detections []localization.Detection
	proposals  []localization.Detection
	failed     bool
}

// locations are of videos in the order given.
type locations []located

// trainedLocalizer loads a model file and its backbone.
func (a *app) trainedLocalizer(adapter string, b backboneFlags, classes []string) (*clip.Model, *localization.Localizer, *adapter.File, error) {
	path, f, m, err := a.trained(adapter, b, classes)
	if err != nil {
		return nil, nil, nil, err
	}
	l, err := localization.New(f, m)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	if classes != nil {
		err = l.SetClasses(classes)
	}
	return m, l, f, err
}

// localize finds what happens in videos, in the order given.
func (a *app) localize(c *cobra.Command, m *clip.Model, l *localization.Localizer, sources []video.Source, s video.Sampling, proposed localization.Results, o localizeFlags) (locations, int, error) {
	out := make(locations, len(sources))
	place, find := map[string]int{}, proposed.Finder()
	for i, src := range sources {
		out[i].source = src
		place[src.ID] = i
	}
	report, err := feature.ExtractFunc(c.Context(), m, sources, feature.Options{Sampling: s, Progress: a.progress}, func(q *feature.Sequence) error {
		x := &out[place[q.ID]]
		var p []proposal.Proposal
		var err error
		if proposed == nil {
			p, err = l.Propose(q)
		} else {
			var id string
			var found []localization.Detection
			if id, found, err = find(q.ID); id == "" && err == nil {
				a.log.Warn("the proposals say nothing of it", "video", q.ID)
			}
			p = localization.ToProposals(found)
		}
		if err != nil {
			return err
		}
		x.provenance, x.length = q.Provenance, localization.Duration(q)
		p = localization.ClipProposals(p, x.length)
		found, err := l.Classify(q, p)
		if err != nil {
			return err
		}
		found = slices.DeleteFunc(found, func(d localization.Detection) bool { return d.Score < o.minScore })
		x.detections = localization.Distinct(found, o.overlap)
		if most := proposal.MaxPerVideo(o.most, x.length); len(x.detections) > most {
			a.log.Warn("only the best are told: raise --max-detections for more, or --min-score", "video", q.ID, "found", len(x.detections), "told", most)
			x.detections = x.detections[:most]
		}
		x.proposals = localization.FromProposals(p)
		return nil
	})
	for _, f := range report.Failed {
		a.log.Warn("skipped", "video", f.Path, "reason", f.Reason)
		out[place[f.ID]].failed = true
	}
	return out, len(report.Failed), err
}

// results are of the videos that did not fail.
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
			fmt.Fprintf(w, "%s\tnothing was found\n", x.source.Path)
		}
		for i, d := range localization.ByTime(x.detections) {
			path := ""
			if i == 0 {
				path = x.source.Path
			}
			fmt.Fprintf(w, "%s\t%8.2f s\t%8.2f s\t%5.1f %%\t%s\n", path, d.Segment[0], d.Segment[1], 100*d.Score, d.Label)
		}
	}
	return w.Flush()
}

// writeFound writes what was found to the files that were asked for.
func (a *app) writeFound(c *cobra.Command, found locations, o localizeFlags) error {
	one := found[0]
	if one.failed && (o.subtitles != "" || o.edl != "") {
		return nil // which the exit code tells
	}
	var errs []error
	write := func(path string, f func(w io.Writer) error) {
		if path != "" {
			errs = append(errs, atomicfile.Write(path, f))
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
		return localization.WriteEDL(w, one.source.Path, one.provenance.FrameRate, one.detections)
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
		errs = append(errs, a.writeTimeline(c.Context(), o.html, found))
	}
	return errors.Join(errs...)
}
