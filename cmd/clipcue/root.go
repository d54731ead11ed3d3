package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/settings"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/compute"
	"github.com/clipcue/clipcue/internal/crash"
	"github.com/clipcue/clipcue/internal/memory"
	"github.com/clipcue/clipcue/internal/text"
	"github.com/clipcue/clipcue/library"
	"github.com/clipcue/clipcue/progress"
	"github.com/clipcue/clipcue/train"
)

// Exit codes.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2
	exitPartial = 3
)

// usageError is a wrong command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// partialError is the error of a command that finished, but for some inputs that failed.
type partialError struct{ error }

func (e partialError) Unwrap() error { return e.error }

// app holds what all commands share.
type app struct {
	out      io.Writer // results as text, for people
	data     io.Writer // results as JSON
	log      *slog.Logger
	progress progress.Func // nil with --quiet
	bars     *terminal.Progress
	threads  int
	memory   int64 // bytes; 0 means the default

	defaultModel string // of --model where no run or library has one; "" means the built-in backbone
	badSettings  error  // what is wrong with the settings, for commands that work without them
}

// worksWithoutSettings marks commands that work, and say what is wrong, when the settings cannot be
// read. It holds for their subcommands.
var worksWithoutSettings = map[string]string{"settings": "optional"}

// needsSettings reports whether a command fails when settings cannot be read.
func needsSettings(c *cobra.Command) bool {
	for ; c != nil; c = c.Parent() {
		if c.Annotations["settings"] != "" {
			return false
		}
	}
	return true
}

// run executes a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := terminal.NewOutput(stdout)
	a := &app{out: out.Text(), data: out.JSON()}
	root := a.root(terminal.NewWriter(stderr))
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(stderr)
	err := execute(ctx, root)
	a.bars.Close()
	if failed := out.Err(); failed != nil && !errors.Is(err, failed) {
		err = errors.Join(err, failed)
	}
	if err == nil {
		return exitDone
	}
	printError(stderr, err)
	return exitCode(err)
}

// execute runs a command. A panic becomes an error.
func execute(ctx context.Context, root *cobra.Command) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = crash.New(p)
		}
	}()
	c, err := root.ExecuteContextC(ctx)
	if errors.Is(err, syscall.ENOSPC) && c.Flags().Lookup("resume") != nil {
		err = &advisedError{err, "the same command with --resume when there is space"}
	}
	return err
}

// exitCode returns the exit code of a command with an error.
func exitCode(err error) int {
	var usage usageError
	switch {
	case errors.As(err, new(*crash.Error)):
		return exitFailed
	case errors.As(err, &usage), isUsage(err):
		return exitUsage
	case isPartial(err):
		return exitPartial
	}
	return exitFailed
}

// isPartial reports whether nothing but inputs failed. Of several errors, each has to
// be a partialError: a summary that could not be written is a failure.
func isPartial(err error) bool {
	switch e := err.(type) { //nolint:errorlint // it walks the tree of errors itself
	case partialError:
		return true
	case interface{ Unwrap() error }:
		return isPartial(e.Unwrap())
	case interface{ Unwrap() []error }:
		return !slices.ContainsFunc(e.Unwrap(), func(err error) bool { return !isPartial(err) })
	}
	return false
}

// isUsage reports whether an error of a package means that a value on the command line
// is invalid.
func isUsage(err error) bool {
	_, missing := errors.AsType[*flags.MissingError](err)
	_, setting := errors.AsType[*train.ConfigError](err)
	return missing || setting
}

// printError prints an error as one line, and advice as a second one. The stack of a
// panic is printed before, if CLIPCUE_DEBUG is set.
func printError(w io.Writer, err error) {
	if e, ok := errors.AsType[*crash.Error](err); ok && os.Getenv("CLIPCUE_DEBUG") != "" {
		fmt.Fprintf(w, "%s", e.Stack)
	}
	fmt.Fprintf(w, "clipcue: %s\n", text.Quote(oneLine(err)))
	if advice := remedy(err); advice != "" {
		fmt.Fprintf(w, "try: %s\n", text.Quote(advice))
	}
}

// oneLine joins the lines of an error.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}

// rootHelp is the help of clipcue itself.
const rootHelp = `clipcue adapts a frozen image–text model (CLIP) to video. From labeled videos it trains
a few prompt vectors and a light temporal Transformer, in minutes on a CPU.

Prepare:
  clipcue model pull ViT-B/16  download a backbone
  clipcue extract ...          extract frame features from videos, once
  clipcue fleet ...            extract them on several machines

Recognition: which action does a video show?
  clipcue train recognition    learn from labeled videos
  clipcue eval recognition     measure the accuracy
  clipcue classify ...         classify videos
  clipcue watch ...            recognize actions in live video

Localization: what happens when in a long video?
  clipcue train localization   learn from timed segments
  clipcue eval localization    measure the mean average precision
  clipcue localize ...         find actions in long videos

Retrieval: which video matches a text query?
  clipcue train retrieval      learn from captioned videos
  clipcue eval retrieval       measure recall and ranks

Library: search the moments of many videos
  clipcue index ...            create or update a library
  clipcue search ...           find moments by text, image or video
  clipcue duplicates ...       find videos that occur more than once
  clipcue label ...            teach a label from a few marks, and find it everywhere
  clipcue serve ...            all of this on a web page, and an API
  clipcue immich ...           CLIP for Immich, embeddings for clients of OpenAI

clipcue demo runs an experiment from rendering videos to a report. clipcue pretrain
trains a backbone from captioned images. clipcue doctor finds out what is missing.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 done but some inputs failed.`

// root returns the command line. Log lines and progress go to stderr.
func (a *app) root(stderr *terminal.Writer) *cobra.Command {
	var format string
	var quiet bool
	root := &cobra.Command{
		Use:          "clipcue",
		Short:        "Recognize, localize and search actions in videos",
		Long:         rootHelp,
		Example:      "  clipcue demo --out demo\n  clipcue classify --run run video.mp4",
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		PersistentPreRunE: func(c *cobra.Command, _ []string) (err error) {
			a.defaultModel, a.badSettings = settings.Apply(c.Flags())
			switch {
			case !needsSettings(c):
				a.badSettings = errors.Join(a.badSettings, checkSettings(c.Root()))
			case a.badSettings != nil:
				return usageError{a.badSettings}
			}
			if err := cmp.Or(emptyValue(c), sameOutput(c)); err != nil {
				return usageError{err}
			}
			level := slog.LevelInfo
			if quiet {
				level = slog.LevelWarn
			}
			var handler slog.Handler = slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})
			if format == "json" {
				handler = slog.NewJSONHandler(terminal.JSON(stderr), &slog.HandlerOptions{Level: level})
			}
			a.log = slog.New(handler)
			a.warnSettings()
			if !quiet {
				a.bars = terminal.New(stderr, a.log)
				a.progress = a.bars.Func()
			}
			c.SetContext(library.WithHolder(c.Context(), c.CommandPath()))
			memory.SetLimit(a.memory)
			if _, err := compute.Backend(); err != nil {
				return usageError{err}
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	flags.LogFormat(f, &format)
	f.BoolVarP(&quiet, "quiet", "q", false, "no progress; log only warnings and errors")
	f.Bool("no-color", false, "accepted for scripts: the output never has colors")
	flags.Threads(f, &a.threads)
	flags.Memory(f, &a.memory)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see: %s --help", err, c.CommandPath())}
	})
	root.AddCommand(
		a.modelCommand(), a.embedCommand(),
		a.checkCommand(), a.unpackCommand(), a.extractCommand(), a.featuresCommand(),
		a.trainCommand(), a.evalCommand(), a.classifyCommand(), a.localizeCommand(), a.watchCommand(),
		a.indexCommand(), a.searchCommand(), a.duplicatesCommand(), a.libraryCommand(), a.labelCommand(), a.serveCommand(), a.immichCommand(), a.fleetCommand(),
		a.pretrainCommand(), a.synthCommand(), a.demoCommand(), a.benchCommand(), a.configCommand(), a.formatsCommand(), a.doctorCommand(), a.versionCommand(),
	)
	for _, c := range append(root.Commands(), root) {
		onlySubcommands(c)
	}
	return root
}

// warnSettings logs settings that have no effect.
func (a *app) warnSettings() {
	if a.badSettings != nil {
		a.log.Warn("settings have no effect", "reason", oneLine(a.badSettings))
	}
	for _, name := range settings.Unknown() {
		a.log.Warn("the settings file has a name that is not a setting", "name", name)
	}
}

// onlySubcommands makes a command that only has subcommands print its help, and makes
// an unknown subcommand wrong usage.
func onlySubcommands(c *cobra.Command) {
	if c.RunE != nil || c.Run != nil {
		return
	}
	c.Args = cobra.ArbitraryArgs
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		c.SuggestionsMinimumDistance = 2
		message := fmt.Sprintf("%q is not a command of %s", args[0], c.CommandPath())
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			message += fmt.Sprintf("; did you mean %q?", near[0])
		}
		return usageError{fmt.Errorf("%s; see: %s --help", message, c.CommandPath())}
	}
}

// arguments checks the number of arguments; most may be -1 for any.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most >= 0 && len(args) > most {
			return usageError{fmt.Errorf("%s takes %s, got %d; see: %s --help", c.CommandPath(), what, len(args), c.CommandPath())}
		}
		return nil
	}
}

// json prints a result as JSON, in which bytes of paths that are not UTF-8 are escaped
// as text.Escape does.
func (a *app) json(v any) error {
	e := json.NewEncoder(a.data)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(text.Map(v, text.Escape))
}

// pairs prints a table of names and values.
func (a *app) pairs(rows [][2]string) error {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		terminal.Fprintf(w, "%s\t%s\n", r[0], r[1])
	}
	return w.Flush()
}

// duration returns a number of seconds, rounded to whole ones.
func duration(seconds float64) time.Duration {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second)
}

// warnEach logs warnings.
func (a *app) warnEach(warnings []string) {
	for _, w := range warnings {
		a.log.Warn(w)
	}
}

// warnFew logs the first few of n items and the number of the others. It returns n.
func warnFew(n int, one func(i int), more func(n int)) int {
	const few = 5
	for i := range min(n, few) {
		one(i)
	}
	if n > few {
		more(n - few)
	}
	return n
}

// emptyValue returns an error for a flag that was given an empty text, as a shell does with
// a variable that is not set: the flag would be ignored. An empty --run is no run, and an
// empty --model the default.
func emptyValue(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() == "string" && f.Value.String() == "" && f.Name != "run" && f.Name != "model" && err == nil {
			err = fmt.Errorf("--%s must not be empty", f.Name)
		}
	})
	return err
}

// outputFlags are the flags with files or folders to write, in all commands.
var outputFlags = []string{"out", "output", "output-proposals", "html", "segments", "clips", "subtitles", "edl", "bundle"}

// sameOutput returns an error for two flags with one path, of which the second output would replace
// the first. Outputs may share a pipe or device, such as /dev/stdout.
func sameOutput(c *cobra.Command) (err error) {
	by := map[string]string{} // the name of the flag, by path
	c.Flags().Visit(func(f *pflag.Flag) {
		path := f.Value.String()
		info, e := os.Stat(path)
		if !slices.Contains(outputFlags, f.Name) || e == nil && !info.IsDir() && !info.Mode().IsRegular() {
			return
		}
		real, e := filepath.Abs(path)
		if folder, e := filepath.EvalSymlinks(filepath.Dir(real)); e == nil {
			real = filepath.Join(folder, filepath.Base(real))
		}
		if other := by[real]; other != "" && e == nil && err == nil {
			err = fmt.Errorf("--%s and --%s must not have the same path: %s", other, f.Name, text.Quote(path))
		}
		by[real] = f.Name
	})
	return err
}
