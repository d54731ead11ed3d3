package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/feature"
)

func (a *app) featuresCommand() *cobra.Command {
	c := &cobra.Command{Use: "features", Short: "Describe stored features, and exchange them with other programs",
		Example: "  clipcue features info features\n  clipcue features export features --out arrays"}
	c.AddCommand(a.featuresInfoCommand(), a.featuresExportCommand(), a.featuresImportCommand())
	return c
}

// sequenceInfo is what `features info` prints about a file.
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
		Short: "Describe a feature store, or one of its files",
		Long: `Describes a store: the number of sequences, frames and hours, the recipes, damaged
files, and videos whose extraction failed. Or it describes one file: its frames and
their source. The exit code is 3 if files are damaged.`,
		Example: "  clipcue features info features\n  clipcue features info features/juggling/0001.mp4.safetensors --json",
		Args:    arguments(1, 1, "one feature store or one of its files"),
		RunE: func(_ *cobra.Command, args []string) error {
			if info, err := os.Stat(args[0]); err == nil && !info.IsDir() {
				return a.sequenceInfo(args[0], asJSON)
			}
			return a.storeInfo(args[0], asJSON)
		},
	}
	flags.JSON(c, &asJSON)
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
	format := feature.NPY
	c := &cobra.Command{
		Use:   "export STORE --out DIR",
		Short: "Write features as NumPy, Parquet, Arrow or JSONL files",
		Long: `Writes each sequence of a store as a file of float32 vectors. Its name is the ID with the
format as extension.

  npy      array [T,E]
  npz      arrays "features" [T,E] and "timestamps" [T], in seconds
  parquet  a row for each frame: video, time, vector; the provenance in the metadata
  arrow    the same
  jsonl    a line for each frame, with the same keys

webdataset writes tar files of 1,000 sequences instead, with KEY.npy and KEY.json.

ID.json has "timestamps" (T numbers, in seconds) and "provenance", except for Parquet and Arrow.`,
		Example: "  clipcue features export features --out arrays\n  clipcue features export features --out tables --as parquet",
		Args:    arguments(1, 1, "one feature store"),
		RunE: func(c *cobra.Command, args []string) error {
			store, err := feature.Open(args[0])
			if err != nil {
				return err
			}
			r, err := feature.Export(c.Context(), store, out, format, a.progress)
			return a.exchanged("exported", r, err, asJSON)
		},
	}
	flags.Out(c, &out, "folder to write to")
	flags.OneOf(c, &format, "as", feature.ArrayFormats, "file format: "+flags.Words(feature.ArrayFormats))
	flags.JSON(c, &asJSON)
	return c
}

func (a *app) featuresImportCommand() *cobra.Command {
	var b flags.Backbone
	var o feature.ImportOptions
	var out string
	var asJSON bool
	c := &cobra.Command{
		Use:   "import DIR --out STORE",
		Short: "Import NumPy, Parquet, Arrow and JSONL files into a feature store",
		Long: `Reads every .npy, .npz, .parquet, .arrow, .feather, .ipc or .jsonl file below a folder,
an array [T,E] of floating-point numbers, into a store under its path without extension.
A .npz file has the array alone or as "features", and may have "timestamps". The other kinds,
except .npy, are tables with the frames of one video: lists of E numbers as "vector", and may
have "time", in seconds. A .json file of the same name has "timestamps" (T numbers, in seconds) and may have
"provenance", as written by export.
Files without timestamps need --fps. Files without provenance need the backbone that
the features come from: --model or --fingerprint.`,
		Example: "  clipcue features import arrays --out features\n  clipcue features import arrays --fps 8 --model ViT-B/16 --out features",
		Args:    arguments(1, 1, "one folder of such files"),
		RunE: func(c *cobra.Command, args []string) error {
			if b.Model != "" && o.Backbone != "" {
				return usageError{errors.New("--model and --fingerprint are alternatives: give one")}
			}
			if b.Model != "" {
				m, _, err := a.load(b, clip.ImageTower)
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
	b.Add(c)
	f := c.Flags()
	f.Lookup("model").DefValue = "as the files say"
	f.StringVar(&o.Backbone, "fingerprint", "", "fingerprint of the backbone, instead of --model")
	flags.FPS(c, &o.FPS)
	flags.Out(c, &out, "folder of the feature store")
	flags.Force(c, &o.Force)
	flags.JSON(c, &asJSON)
	return c
}

// exchangeReport is what `features export` and `features import` print as JSON.
type exchangeReport struct {
	Sequences int               `json:"sequences"`
	Done      int               `json:"done"`
	Skipped   int               `json:"skipped"` // already in the store
	Failed    []feature.Failure `json:"failed"`
	Frames    int               `json:"frames"` // of the sequences that were done
}

func (a *app) exchanged(what string, r feature.Report, err error, asJSON bool) error {
	for _, f := range r.Failed {
		a.skipped("file", f)
	}
	summary := fmt.Sprintf("%d sequences: %d %s (%d frames), %d already present, %d failed", r.Videos, r.Done, what, r.Frames, r.Skipped, len(r.Failed))
	switch {
	case err != nil && r.Remaining > 0 && r.Remaining < r.Videos: // the run was interrupted
		a.log.Info("stopped", "summary", fmt.Sprintf("%s, %d still to do", summary, r.Remaining))
		return err
	case err != nil:
		return err
	case asJSON:
		err = a.json(exchangeReport{r.Videos, r.Done, r.Skipped, r.Failed, r.Frames})
	default:
		_, err = fmt.Fprintln(a.out, summary)
	}
	if err == nil && len(r.Failed) > 0 {
		err = partialError{fmt.Errorf("done, but %d failed and were skipped", len(r.Failed))}
	}
	return err
}
