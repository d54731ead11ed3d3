package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/feature"
)

func (a *app) featuresCommand() *cobra.Command {
	c := &cobra.Command{Use: "features", Short: "Look at stored features, and exchange them with NumPy",
		Example: "  clipcue features info features\n  clipcue features export features --out arrays"}
	c.AddCommand(a.featuresInfoCommand(), a.featuresExportCommand(), a.featuresImportCommand())
	return c
}

// sequenceInfo is what `features info` tells of a file.
type sequenceInfo struct {
	Path       string             `json:"path"`
	Frames     int                `json:"frames"`
	Width      int                `json:"width"`
	First      float64            `json:"first"` // times of the first and last frame, seconds
	Last       float64            `json:"last"`
	Provenance feature.Provenance `json:"provenance"`
}

func (a *app) featuresInfoCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "info STORE|FILE",
		Short: "Say what a feature store, or one of its files, holds",
		Long: `Of a store: how many sequences, frames and hours it holds, how they were made,
which of its files are damaged, and which videos failed to be extracted. Of a
file: its frames and where they come from. The exit code is 3 if files are
damaged.`,
		Example: "  clipcue features info features\n  clipcue features info features/juggling/0001.mp4.safetensors --json",
		Args:    arguments(1, 1, "one feature store or one of its files"),
		RunE: func(_ *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				return a.sequenceInfo(args[0], asJSON)
			}
			return a.storeInfo(args[0], asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	return c
}

func (a *app) sequenceInfo(path string, asJSON bool) error {
	q, err := feature.ReadFile(path)
	if err != nil {
		return err
	}
	p := q.Provenance
	info := sequenceInfo{path, q.Len(), q.Width, q.Timestamps[0], q.Timestamps[q.Len()-1], p}
	if asJSON {
		return a.json(info)
	}
	return a.pairs([][2]string{
		{"frames", fmt.Sprintf("%d of width %d, from %.3f s to %.3f s", info.Frames, info.Width, info.First, info.Last)},
		{"video", p.Source},
		{"size", fmt.Sprintf("%d bytes, SHA-256 %s", p.Size, p.SHA256)},
		{"declared", fmt.Sprintf("%g s from %g s on, %g frames/s", p.Duration, p.StartTime, p.FrameRate)},
		{"decoder", p.Decoder},
		{"backbone", p.Backbone},
		{"preprocessing", p.Preprocessing},
		{"sampling", p.Sampling},
	})
}

func (a *app) storeInfo(dir string, asJSON bool) error {
	store, err := feature.Open(dir)
	if err != nil {
		return err
	}
	sum, err := store.Summary()
	if err != nil {
		return err
	}
	if asJSON {
		err = a.json(sum)
	} else {
		rows := [][2]string{
			{"sequences", fmt.Sprint(sum.Sequences)},
			{"frames", fmt.Sprint(sum.Frames)},
			{"video", duration(sum.Seconds).String()},
			{"size", fmt.Sprintf("%.1f MB", float64(sum.Bytes)/1e6)},
		}
		for _, m := range sum.Recipes {
			rows = append(rows, [2]string{"made", fmt.Sprintf("%d by backbone %s (width %d), %s, %s", m.Sequences, m.Backbone, m.Width, m.Preprocessing, m.Sampling)})
		}
		for _, f := range sum.Damaged {
			rows = append(rows, [2]string{"damaged", fmt.Sprintf("%q: %s", f.Path, f.Reason)})
		}
		for _, f := range sum.Failed {
			rows = append(rows, [2]string{"failed", fmt.Sprintf("%q: %s", f.Path, f.Reason)})
		}
		err = a.pairs(rows)
	}
	if err == nil && len(sum.Damaged) > 0 {
		err = partialError{fmt.Errorf("%d damaged: delete these files and run clipcue extract again", len(sum.Damaged))}
	}
	return err
}

func (a *app) featuresExportCommand() *cobra.Command {
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "export STORE --out DIR",
		Short: "Write features as .npy files",
		Long: `Writes each sequence of a store as ID.npy, an array [T,E] of float32 for NumPy's
load, and beside it ID.json with "timestamps", T seconds, and "provenance".`,
		Example: "  clipcue features export features --out arrays",
		Args:    arguments(1, 1, "one feature store"),
		RunE: func(c *cobra.Command, args []string) error {
			store, err := feature.Open(args[0])
			if err != nil {
				return err
			}
			r, err := feature.Export(c.Context(), store, out, a.progress)
			return a.exchanged("exported", r, err, asJSON)
		},
	}
	c.Flags().StringVar(&out, "out", "", "folder to write to")
	c.Flags().BoolVar(&asJSON, "json", false, "write JSON")
	required(c, "out")
	return c
}

func (a *app) featuresImportCommand() *cobra.Command {
	var b backboneFlags
	var o feature.ImportOptions
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "import DIR --out STORE",
		Short: "Put .npy files into a feature store",
		Long: `Reads every .npy file below a folder, an array [T,E] of floating-point numbers,
into a store under its path without .npy. A file of the same name that ends in
.json has "timestamps", T seconds, and may have "provenance", as export writes them;
without times, --fps says how far apart the frames are. --model, or its fingerprint,
says which backbone the features come from where the files do not.`,
		Example: "  clipcue features import arrays --out features\n  clipcue features import arrays --fps 8 --model ViT-B/16 --out features",
		Args:    arguments(1, 1, "one folder of .npy files"),
		RunE: func(c *cobra.Command, args []string) error {
			if b.model != "" && o.Backbone != "" {
				return usageError{errors.New("--model and --fingerprint are different ways to name a backbone: give one")}
			}
			if b.model != "" {
				m, _, err := a.load(b, clip.Image)
				if err != nil {
					return err
				}
				o.Backbone, o.Width = m.Fingerprint(), m.Config().Embed
			}
			if _, err := os.Stat(args[0]); err != nil {
				return err
			}
			store, err := feature.Create(out)
			if err != nil {
				return err
			}
			o.Progress = a.progress
			r, err := feature.Import(c.Context(), args[0], store, o)
			return a.exchanged("imported", r, err, asJSON)
		},
	}
	b.add(c)
	f := c.Flags()
	f.Lookup("model").Usage = "the backbone that the features come from, where the files do not say it: a weight file or folder, or the name of a pulled one"
	f.StringVar(&o.Backbone, "fingerprint", "", "the backbone's fingerprint, as clipcue model info prints it")
	number(c, &o.FPS, "fps", false, "frames a second, where a file has no times")
	f.StringVar(&out, "out", "", "folder of the feature store")
	f.BoolVar(&o.Force, "force", false, "replace stored features that differ")
	f.BoolVar(&asJSON, "json", false, "write JSON")
	required(c, "out")
	return c
}

// exchangeReport is what `features export` and `features import` tell.
type exchangeReport struct {
	Sequences int               `json:"sequences"`
	Done      int               `json:"done"`
	Skipped   int               `json:"skipped"` // in the store already
	Failed    []feature.Failure `json:"failed"`
	Frames    int               `json:"frames"` // of what is done
}

func (a *app) exchanged(what string, r feature.Report, err error, asJSON bool) error {
	for _, f := range r.Failed {
		a.log.Warn("skipped", "file", f.Path, "reason", f.Reason)
	}
	account := fmt.Sprintf("%d sequences: %d %s (%d frames), %d already present, %d failed", r.Videos, r.Done, what, r.Frames, r.Skipped, len(r.Failed))
	switch {
	case err != nil && r.Remaining > 0 && r.Remaining < r.Videos: // it was stopped on the way
		a.log.Info("stopped", "account", fmt.Sprintf("%s, %d still to do", account, r.Remaining))
		return err
	case err != nil:
		return err
	case asJSON:
		err = a.json(exchangeReport{r.Videos, r.Done, r.Skipped, r.Failed, r.Frames})
	default:
		_, err = fmt.Fprintln(a.out, account)
	}
	if err == nil && len(r.Failed) > 0 {
		err = partialError{fmt.Errorf("done, but for %d that failed and were skipped", len(r.Failed))}
	}
	return err
}
