package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/task/localization"
	"github.com/clipcue/clipcue/task/proposal"
)

// segmentFlags adds the flags that choose annotated long videos.
func segmentFlags(c *cobra.Command, d *localization.Data) {
	flags.Data(c, &d.Features, &d.Path, &d.Format, "segments: ActivityNet's JSON, a table, or the file of an annotation program", dataset.SegmentFormats)
}

// detectorFlags change how a trained localizer finds proposals and makes detections.
type detectorFlags struct {
	limits proposal.Config
	eval   localization.Evaluation
}

func (o *detectorFlags) add(c *cobra.Command) {
	k := localization.DefaultConfig()
	o.limits, o.eval = k.Detector, k.Eval
	proposalFlags(c, &o.limits)
	detectionFlags(c, &o.eval)
}

// proposalFlags adds the flags for the proposals of a detector.
func proposalFlags(c *cobra.Command, k *proposal.Config) {
	flags.Positive(c, &k.Sigma, "sigma", "width of soft-NMS; larger values keep fewer neighbors")
	flags.Below1(c, &k.MinScore, "min-proposal-score", "minimum score of a proposal, from 0 to 1")
	flags.Int(c, &k.MaxProposals, "max-proposals", 1, "maximum number of proposals per video or ten minutes of it")
}

// detectionFlags adds the flags for how proposals become detections.
func detectionFlags(c *cobra.Command, e *localization.Evaluation) {
	flags.Int(c, &e.ClassesPerProposal, "classes-per-proposal", 1, "number of classes per proposal, each a detection")
	flags.Int(c, &e.MaxDetections, "max-detections", 1, "maximum number of detections per video or ten minutes of it")
	c.Flags().BoolVar(&e.VideoScore, "video-score", e.VideoScore, "multiply scores by the class's probability in the whole video")
}

// apply gives a localizer the settings whose flags were given.
func (o *detectorFlags) apply(c *cobra.Command, l *localization.Localizer) error {
	changed := c.Flags().Changed
	if changed("classes-per-proposal") {
		l.Eval.ClassesPerProposal = o.eval.ClassesPerProposal
	}
	if changed("max-detections") {
		l.Eval.MaxDetections = o.eval.MaxDetections
	}
	if changed("video-score") {
		l.Eval.VideoScore = o.eval.VideoScore
	}
	if changed("tiou") {
		l.Eval.TIoU = o.eval.TIoU
	}
	d := l.Detector()
	if d == nil || !changed("sigma") && !changed("min-proposal-score") && !changed("max-proposals") {
		return nil
	}
	now := d.Config()
	if changed("sigma") {
		now.Sigma = o.limits.Sigma
	}
	if changed("min-proposal-score") {
		now.MinScore = o.limits.MinScore
	}
	if changed("max-proposals") {
		now.MaxProposals = o.limits.MaxProposals
	}
	return l.SetLimits(now.Sigma, now.MinScore, now.MaxProposals)
}

// tIoUs adds --tiou.
func tIoUs(c *cobra.Command, p *[]float64) {
	flags.List(c, p, "tiou", "tIoU thresholds: thumos, activitynet, or a list such as 0.5,0.75", func(s string) ([]float64, error) {
		switch s {
		case "thumos":
			return localization.THUMOSThresholds, nil
		case "activitynet":
			return proposal.ActivityNetThresholds, nil
		}
		var out []float64
		for _, word := range strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune("[], ", r) }) {
			x, err := strconv.ParseFloat(word, 64)
			if err != nil || !(x > 0 && x <= 1) {
				return nil, errors.New("must be thumos (0.3:0.1:0.7), activitynet (0.5:0.05:0.95), or numbers above 0, up to 1, separated by commas")
			}
			out = append(out, x)
		}
		if len(out) == 0 {
			return nil, errors.New("must have at least one number")
		}
		return out, nil
	})
}
