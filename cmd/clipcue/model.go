package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip"
	"github.com/clipcue/clipcue/clip/checkpoint"
	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/progress"
)

func (a *app) modelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "model",
		Short:   "Describe backbones and download published ones",
		Example: "  clipcue model pull ViT-B/16\n  clipcue model info ViT-B/16",
	}
	c.AddCommand(a.modelInfoCommand(), a.modelPullCommand(), a.modelListCommand())
	return c
}

// modelInfo is what `model info` prints as JSON.
type modelInfo struct {
	Path        string `json:"path"`
	Format      string `json:"format"`
	Fingerprint string `json:"fingerprint"`
	Parameters  int    `json:"parameters"`
	Activation  string `json:"activation"`
	// Assumed is what the files do not say.
	Assumed    []string `json:"assumed"`
	LogitScale float32  `json:"logit_scale"`
	// LogitBias is what a model trained with sigmoids, such as SigLIP, adds to the scaled cosine.
	LogitBias *float32 `json:"logit_bias,omitempty"`
	// Int8 is how close the features of --precision int8 are to float32's.
	Int8   *clip.Closeness `json:"int8,omitempty"`
	Config clip.Config     `json:"config"`
}

func (a *app) modelInfoCommand() *cobra.Command {
	var b flags.Backbone
	var asJSON bool
	c := &cobra.Command{
		Use:     "info PATH|NAME",
		Short:   "Describe a backbone",
		Example: "  clipcue model info ViT-B-16.pt\n  clipcue model info ViT-B/16 --json",
		Args:    arguments(1, 1, "one weight file, folder or name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Model = args[0]
			m, path, err := a.load(b, 0)
			if err != nil {
				return err
			}
			c := m.Config()
			info := modelInfo{path, m.Format(), m.Fingerprint(), m.Parameters(), c.Activation, m.Assumed(), m.LogitScale(), nil, nil, c}
			if bias, ok := m.LogitBias(); ok {
				info.LogitBias = &bias
			}
			if b.Precision == "int8" {
				exact := b
				exact.Precision = "float32"
				if info.Int8, err = closeness(cmd.Context(), m, func(tower clip.Tower) (*clip.Model, error) {
					float, _, err := a.load(exact, tower)
					return float, err
				}); err != nil {
					return err
				}
			}
			if asJSON {
				return a.json(info)
			}
			return a.printModel(info)
		},
	}
	b.AddPrecision(c)
	flags.Activation(c, &b.Activation)
	flags.JSON(c, &asJSON)
	return c
}

// printModel prints the description of a backbone as text.
func (a *app) printModel(info modelInfo) error {
	c := info.Config
	text, images, tower := "none", "none", "none"
	if c.HasImage() {
		images = fmt.Sprintf("%d×%d, patches of %d; %s", c.ImageSize, c.ImageSize, c.PatchSize, feature.Preprocessing(c))
		tower = fmt.Sprintf("width %d, %d layers, %d heads%s", c.VisionWidth, c.VisionLayers, c.VisionHeads, differences(c.Vision))
	}
	if c.Trunk != (clip.Trunk{}) {
		images = fmt.Sprintf("%d×%d; %s", c.ImageSize, c.ImageSize, feature.Preprocessing(c))
		tower = convolutions(c.Trunk)
	}
	if c.HasText() {
		text = fmt.Sprintf("width %d, %d layers, %d heads%s; %d tokens of a vocabulary of %d", c.TextWidth, c.TextLayers, c.TextHeads, differences(c.Text), c.Context, c.Vocab)
	}
	rows := [][2]string{
		{"path", info.Path},
		{"format", info.Format},
		{"fingerprint", info.Fingerprint},
		{"parameters", fmt.Sprintf("%.1f million", float64(info.Parameters)/1e6)},
		{"activation", info.Activation},
		{"embedding", fmt.Sprint(c.Embed)},
		{"images", images},
		{"image tower", tower},
		{"text tower", text},
		{"logit scale", fmt.Sprintf("%.4g", info.LogitScale)},
	}
	if info.LogitBias != nil {
		rows = append(rows, [2]string{"logit bias", fmt.Sprintf("%.4g", *info.LogitBias)})
	}
	for _, what := range info.Assumed {
		rows = append(rows, [2]string{"assumed", what})
	}
	if info.Int8 != nil {
		rows = append(rows, [2]string{"int8", fmt.Sprintf("cosine to float32 at least %.4f (images) and %.4f (texts); mean %.4f and %.4f",
			info.Int8.Images.Lowest, info.Int8.Texts.Lowest, info.Int8.Images.Mean, info.Int8.Texts.Mean)})
	}
	return a.pairs(rows)
}

// convolutions describes a convolutional image tower.
func convolutions(t clip.Trunk) string {
	var stages []string
	for _, s := range t.Stages {
		kind := "convolutions"
		if s.Attention {
			kind = "attention"
		}
		if s.Blocks > 0 {
			stages = append(stages, fmt.Sprintf("%d×%d %s", s.Blocks, s.Width, kind))
		}
	}
	return "convolutional, blocks×width: " + strings.Join(stages, ", ")
}

// differences describes where a tower differs from that of OpenAI's CLIP.
func differences(t checkpoint.Architecture) string {
	out := ""
	for _, d := range []struct {
		has  bool
		what string
	}{
		{t.Activation != "", "activation " + t.Activation},
		{t.Gated, "gated MLPs"},
		{t.Rotary != "", "rotary positions"},
		{t.Pool != "", "pool: " + t.Pool},
		{t.Bidirectional, "not causal"},
		{t.Stem > 0, "convolutional stem"},
		{t.Mixer > 0, "convolutions before and after"},
	} {
		if d.has {
			out += ", " + d.what
		}
	}
	return out
}

func (a *app) modelPullCommand() *cobra.Command {
	var o hub.Options
	c := &cobra.Command{
		Use:   "pull NAME",
		Short: "Download published weights",
		Long: `Downloads published CLIP weights by their usual names to where --model NAME finds
them. Run the same command again to resume an interrupted download. The source is
Hugging Face, or the address in HF_ENDPOINT or --mirror; HF_TOKEN is sent to it.`,
		Example: "  clipcue model pull ViT-B/16\n  clipcue model pull ViT-B-32:laion2b_s34b_b79k",
		Args:    arguments(1, 1, "one name; see: clipcue model list"),
		RunE: func(c *cobra.Command, args []string) error {
			var bar *progress.Stage
			o.Log = a.log
			o.Progress = func(done, total int64) {
				if bar == nil {
					bar = a.progress.Start(args[0], total, "bytes")
				}
				bar.Set(done)
			}
			path, err := hub.Pull(c.Context(), args[0], o)
			bar.Finish()
			if err != nil {
				return err
			}
			terminal.Fprintf(a.out, "%s\n", path)
			a.log.Info("use it with --model, or make it the default: clipcue config set model "+shellArg(args[0]), "model", args[0])
			return nil
		},
	}
	c.Flags().StringVar(&o.Mirror, "mirror", "", "address of a mirror of Hugging Face")
	return c
}

// listedModel is an item of what `model list` prints as JSON.
type listedModel struct {
	hub.Model
	Pulled bool `json:"pulled"`
}

func (a *app) modelListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the names that model pull accepts",
		Long: `Lists the models that model pull knows, with their license, their parameters in
millions, and published zero-shot figures in percent: accuracy on ImageNet-1k and
Kinetics-400, and recall at 1 of videos for texts on MSR-VTT.`,
		Example: "  clipcue model list",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			var list []listedModel
			var failed error
			for _, m := range hub.Models() {
				_, ok, err := hub.Resolve(m.Name)
				failed = cmp.Or(failed, err) // the others fail for the same reason
				list = append(list, listedModel{m, ok})
			}
			if asJSON {
				return errors.Join(failed, a.json(list))
			}
			return errors.Join(failed, a.printModels(list))
		},
	}
	flags.JSON(c, &asJSON)
	return c
}

// printModels prints a table of models.
func (a *app) printModels(list []listedModel) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tPARAMETERS\tIMAGENET\tKINETICS\tMSR-VTT\tPULLED\tLICENSE")
	percent := func(v float64) string {
		if v == 0 {
			return "-"
		}
		return fmt.Sprintf("%.1f", v)
	}
	for _, m := range list {
		pulled := map[bool]string{true: "yes", false: "-"}[m.Pulled]
		fmt.Fprintf(w, "%s\t%.0f\t%s\t%s\t%s\t%s\t%s\n", m.Name, m.Parameters, percent(m.ImageNet), percent(m.Kinetics), percent(m.MSRVTT), pulled, m.License)
	}
	return w.Flush()
}
