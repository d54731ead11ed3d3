package flags

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/adapter"
	"github.com/clipcue/clipcue/clip/tiny"
	"github.com/clipcue/clipcue/dataset"
	"github.com/clipcue/clipcue/feature"
	"github.com/clipcue/clipcue/internal/input"
	"github.com/clipcue/clipcue/train"
	"github.com/clipcue/clipcue/video"
)

// JSON adds --json.
func JSON(c *cobra.Command, p *bool) {
	c.Flags().BoolVar(p, "json", false, "print JSON")
}

// HTML adds --html.
func HTML(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "html", "", "HTML file for a report with charts and frames")
}

// Detections adds --output for a file of detections.
func Detections(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "output", "", "file for the detections: ActivityNet JSON, or CSV (.csv)")
}

// Out adds the required flag --out.
func Out(c *cobra.Command, path *string, usage string) {
	c.Flags().StringVar(path, "out", "", usage)
	Required(c, "out")
}

// Windows adds --windows and --random-windows.
func Windows(c *cobra.Command, n *int, random *bool) {
	Count(c, n, "windows", 1, 1<<12, "number of windows per video in an evaluation")
	c.Flags().BoolVar(random, "random-windows", *random, "draw these windows at random, like the authors, not evenly")
}

// Seed adds --seed.
func Seed(c *cobra.Command, p *uint64) {
	c.Flags().Uint64Var(p, "seed", 0, "random seed")
}

// Library adds the required flag --library.
func Library(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "library", "", "folder of the library")
	Required(c, "library")
}

// Classes adds --classes.
func Classes(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "classes", "", "file with the class names to choose from, one per line")
}

// Templates adds --template.
func Templates(c *cobra.Command, p *[]string) {
	Texts(c, p, "template", "sentence with {} for the class name; repeatable")
}

// Texts adds a repeatable flag of texts to encode, which must be UTF-8.
func Texts(c *cobra.Command, p *[]string, name, usage string) {
	c.Flags().StringArrayVar(p, name, *p, usage)
	f := c.Flags().Lookup(name)
	f.Value = texts{f.Value}
}

type texts struct{ pflag.Value }

func (t texts) Set(s string) error {
	if err := input.CheckQuery(s); err != nil {
		return err
	}
	return t.Value.Set(s)
}

// Ensemble adds --ensemble.
func Ensemble(c *cobra.Command, p *bool) {
	c.Flags().BoolVar(p, "ensemble", false, "average over the built-in templates")
}

// Proposals adds --proposals.
func Proposals(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "proposals", "", "file of proposals, instead of those of a detector")
}

// Split adds --split.
func Split(c *cobra.Command, p *string) {
	OneOf(c, p, "split", Splits, "split to evaluate on: train, val or test")
}

// Splits are the names of the splits.
var Splits = []string{dataset.Train, dataset.Val, dataset.Test}

// Data adds the required flags --features, --data and --data-format.
func Data(c *cobra.Command, features, path, format *string, usage string, formats []string) {
	f := c.Flags()
	f.StringVar(features, "features", "", "folder of the feature store")
	f.StringVar(path, "data", "", usage)
	OneOf(c, format, "data-format", formats, "format: "+strings.Join(formats[:3], ", ")+" or another, listed if it is wrong")
	f.Lookup("data-format").DefValue = "detected"
}

// Division adds the flags that divide data without splits.
func Division(c *cobra.Command, testShare *float64, seed *uint64) {
	Between0And1(c, testShare, "test-share", "share kept for testing if --data has no splits")
	c.Flags().Uint64Var(seed, "split-seed", 0, "random seed of that division")
}

const modelUsage = "backbone: weight file, folder, or name such as ViT-B/16"

// Backbone chooses a backbone.
type Backbone struct{ Model, Activation, Precision string }

// Add adds --model and --activation.
func (b *Backbone) Add(c *cobra.Command) {
	b.addModel(c, tiny.Name)
	Activation(c, &b.Activation)
}

// AddOfRun adds --model and --activation for a command whose run knows its backbone.
func (b *Backbone) AddOfRun(c *cobra.Command) {
	b.addModel(c, "as in training")
	Activation(c, &b.Activation)
}

// addModel adds --model. Help shows text as its default.
func (b *Backbone) addModel(c *cobra.Command, text string) {
	add(c, &b.Model, "name", "model", modelUsage, func(s string) (string, error) { return s, nil })
	c.Flags().Lookup("model").DefValue = text
}

// AddOfLibrary adds --model and --activation for a command whose library knows its
// backbone.
func (b *Backbone) AddOfLibrary(c *cobra.Command) {
	b.Add(c)
	c.Flags().Lookup("model").DefValue = "the library's"
}

// Activation adds --activation.
func Activation(c *cobra.Command, p *string) {
	OneOf(c, p, "activation", []string{"quick_gelu", "gelu"}, "activation of the MLPs, if the file lacks it: quick_gelu or gelu")
}

// AddPrecision adds --precision, for commands that train nothing on the backbone.
func (b *Backbone) AddPrecision(c *cobra.Command) {
	b.Precision = "float32"
	OneOf(c, &b.Precision, "precision", []string{"float32", "int8"}, "float32, or int8: faster and slightly less exact")
}

// Run chooses a model of a run.
type Run struct{ Path, Checkpoint string }

// Add adds --run and --checkpoint.
func (r *Run) Add(c *cobra.Command) {
	r.Checkpoint = "best"
	c.Flags().StringVar(&r.Path, "run", "", "run folder, or a model file of a run")
	OneOf(c, &r.Checkpoint, "checkpoint", []string{"best", "last"}, "model of the run folder: best or last")
}

// TemporalScale adds --temporal-scale.
func TemporalScale(c *cobra.Command, p *float64) {
	*p = 1
	NotNegative(c, p, "temporal-scale", "weight of the temporal residual: 1 as trained, 0 prompts alone")
}

// Sampling chooses the frames of a video.
type Sampling struct {
	FPS    float64
	Frames int
	All    bool
}

// DefaultFPS is the frames per second that are sampled by default. A window of 16
// frames then spans two seconds, or up to eight because windows are drawn with gaps.
const DefaultFPS = 8

// Add adds --fps, --frames and --all-frames.
func (s *Sampling) Add(c *cobra.Command) {
	s.FPS = DefaultFPS
	FPS(c, &s.FPS)
	Int(c, &s.Frames, "frames", 1, "number of frames to sample evenly, instead of --fps")
	c.Flags().BoolVar(&s.All, "all-frames", false, "sample every frame, instead of --fps")
}

// AddOfRun is Add for commands that sample as in training by default.
func (s *Sampling) AddOfRun(c *cobra.Command) {
	s.Add(c)
	c.Flags().Lookup("fps").DefValue = "as in training, or 8"
}

// FPS adds --fps.
func FPS(c *cobra.Command, p *float64) {
	Positive(c, p, "fps", "frames per second")
}

// Given reports whether one of the flags was given.
func (s *Sampling) Given(c *cobra.Command) bool {
	return c.Flags().Changed("fps") || c.Flags().Changed("frames") || s.All
}

// Choose returns the sampling. An error is wrong usage.
func (s *Sampling) Choose(c *cobra.Command) (video.Sampling, error) {
	rate, count := c.Flags().Changed("fps"), c.Flags().Changed("frames")
	out := video.AtRate(s.FPS)
	switch {
	case rate && count || rate && s.All || count && s.All:
		return out, errors.New("--fps, --frames and --all-frames are alternatives: give one")
	case s.All:
		out = video.EveryFrame()
	case count:
		out = video.Count(s.Frames)
	}
	return out, out.Check()
}

// Decoding adds --stream, --timeout and --allow-partial.
func Decoding(c *cobra.Command, o *feature.Options) {
	Stream(c, &o.Stream)
	AllowPartial(c, &o.AllowPartial)
	Timeout(c, &o.Timeout)
}

// Stream adds --stream.
func Stream(c *cobra.Command, p *int) {
	Int(c, p, "stream", 0, "number of the video stream, from 1 (default: the file's default)")
}

// AllowPartial adds --allow-partial.
func AllowPartial(c *cobra.Command, p *bool) {
	c.Flags().BoolVar(p, "allow-partial", false, "use what can be decoded of a damaged video")
}

// Timeout adds --timeout.
func Timeout(c *cobra.Command, p *time.Duration) {
	*p = video.DefaultTimeout
	Duration(c, p, "timeout", "fail a video when its decoder produces nothing for this long")
}

// Extraction adds --batch, --decoders, --strict and --max-failures.
func Extraction(c *cobra.Command, o *feature.Options) {
	Decoders(c, &o.Batch, &o.Decoders)
	c.Flags().BoolVar(&o.Strict, "strict", false, "stop at the first video that fails")
	Int(c, &o.MaxFailures, "max-failures", 0, "number of failed videos to tolerate; 0 means no limit")
}

// Decoders adds --batch and --decoders, with the limits of feature.Options.
func Decoders(c *cobra.Command, batch, decoders *int) {
	Count(c, batch, "batch", 0, 1<<12, "frames per pass through the backbone (default 32)")
	Count(c, decoders, "decoders", 0, 1<<10, "number of videos decoded at a time (default 2)")
}

// Still adds --still.
func Still(c *cobra.Command, p *float64) {
	float(c, p, "still", "reuse features of frames that differ by at most this (levels of 255; 0: off)", "0 to 255", func(v float64) bool { return v >= 0 && v <= 255 })
}

// Force adds --force.
func Force(c *cobra.Command, p *bool) {
	c.Flags().BoolVar(p, "force", false, "replace stored features that differ")
}

// Training adds what every training command has for its run.
func Training(c *cobra.Command, out *string, resume, asJSON *bool) {
	Out(c, out, "run folder")
	c.Flags().BoolVar(resume, "resume", false, "resume an interrupted run")
	JSON(c, asJSON)
}

// Preset adds --preset.
func Preset(c *cobra.Command, p *string) {
	OneOf(c, p, "preset", adapter.Presets, "defaults of the training flags: "+strings.Join(adapter.Presets, " or "))
}

// Loop adds the settings of the training loop.
func Loop(c *cobra.Command, k *train.Config) {
	Int(c, &k.Steps, "steps", 1, "number of training steps")
	Positive(c, &k.LearningRate, "learning-rate", "learning rate")
	OneOf(c, &k.Schedule, "schedule", []string{"constant", "cosine"}, "learning rate schedule: constant or cosine")
	Int(c, &k.Warmup, "warmup", 0, "number of steps over which the learning rate rises")
	NotNegative(c, &k.WeightDecay, "weight-decay", "weight decay of AdamW")
	Below1(c, &k.EMADecay, "ema-decay", "decay of the moving average of the weights; 0 turns it off")
	NotNegative(c, &k.ClipNorm, "clip-norm", "maximum norm of the gradient; 0 means no limit")
	Seed(c, &k.Seed)
	Int(c, &k.EvalEvery, "eval-every", 0, "steps between evaluations (default: a tenth of the run)")
	Int(c, &k.SaveEvery, "save-every", 0, "steps between checkpoints (default: a twentieth of the run)")
}

// Adapter adds the settings of prompts and of the temporal Transformer.
func Adapter(c *cobra.Command, k *adapter.Config) {
	Int(c, &k.Prefix, "prefix", 0, "number of prompt vectors before the text")
	Int(c, &k.Postfix, "postfix", 0, "number of prompt vectors after the text")
	OneOf(c, &k.Layout, "layout", adapter.Layouts, "numbering of the prompt vectors: "+strings.Join(adapter.Layouts, " or "))
	Int(c, &k.TemporalLayers, "temporal-layers", 0, "layers of the temporal Transformer; 0 means frames are averaged")
	Int(c, &k.TemporalHeads, "temporal-heads", 0, "attention heads of the temporal Transformer (default width/64)")
	Int(c, &k.Frames, "window-frames", 1, "number of frames in a window")
	c.Flags().BoolVar(&k.Residual, "residual", k.Residual, "add the temporal Transformer's output to the mean of the frames")
	Temperature(c, &k.Temperature, "temperature", "temperature of the logits, or clip for the backbone's own")
}

// Learning adds the settings that the three adapter tasks share.
func Learning(c *cobra.Command, k *adapter.TrainConfig) {
	Adapter(c, &k.Adapter)
	Below1(c, &k.TemporalDrop, "temporal-drop", "share of a step's samples trained without the temporal residual")
	NotNegative(c, &k.VideoAnchor, "video-anchor", "loss weight of the distance from the mean of the frames")
	Loop(c, &k.Train)
}
