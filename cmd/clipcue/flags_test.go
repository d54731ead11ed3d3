package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// differing lists the flags whose default or meaning differs between commands, with the
// reason. All other flags have one type, one default and one help text.
var differing = map[string]string{
	"activation":      "pretrain chooses the activation, and has a default",
	"as":              "library export takes the format of the extension",
	"batch":           "the items of a batch are frames, windows, segments, pairs or images",
	"broker":          "fleet serve runs a broker by default, the others connect to it",
	"data":            "each task has its own annotations",
	"data-format":     "each task has its own annotations",
	"episodes":        "demo runs fewer, to finish in minutes",
	"fleet":           "index takes the address of a fleet, the commands of a fleet take its name",
	"fps":             "the default is that of training, of the library, or of synth",
	"learning-rate":   "pretrain starts from random weights",
	"label":           "search looks for any of several labels, watch for each",
	"listen":          "the broker and the server for Immich have ports of their own",
	"min-length":      "label apply bounds segments, search bounds videos",
	"min-score":       "watch and localize have scores of different kinds",
	"model":           "the default is the built-in backbone, or that of the run or library",
	"out":             "commands write a run folder, a feature store or other files",
	"postfix":         "captions leave less room in the context than class names",
	"prefix":          "captions leave less room in the context than class names",
	"schedule":        "pretrain starts from random weights",
	"seconds":         "untrimmed videos are longer",
	"split":           "eval localization takes the split that the run was measured on",
	"steps":           "each task has its own length of training",
	"takes":           "demo needs several takes in a video",
	"template":        "pretrain measures zero-shot accuracy with a template by default",
	"temporal-layers": "each task has its own depth",
	"test-share":      "pretrain has more data and keeps a smaller share",
	"text":            "label new describes a label, search combines queries",
	"tls-cert":        "fleet serve encrypts the broker, serve HTTP",
	"tls-key":         "fleet serve encrypts the broker, serve HTTP",
	"top":             "search shows more results than classify",
	"total":           "untrimmed videos take longer to render than images",
	"video":           "search compares with a video, label import names that of the marks",
	"warmup":          "pretrain starts from random weights",
	"weight-decay":    "pretrain starts from random weights",
}

// One flag name has one type, default and meaning in all commands.
func TestFlagNames(t *testing.T) {
	type use struct{ kind, text, preset, command string }
	first := map[string]use{}
	different := map[string]bool{}
	eachCommand(new(app).root(nil), func(c *cobra.Command) {
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			now := use{f.Value.Type(), f.Usage, f.DefValue, c.CommandPath()}
			old, ok := first[f.Name]
			if !ok {
				first[f.Name] = now
				return
			}
			if old.kind != now.kind {
				t.Errorf("--%s is %s in %s and %s in %s", f.Name, old.kind, old.command, now.kind, now.command)
			}
			if old.text == now.text && old.preset == now.preset {
				return
			}
			different[f.Name] = true
			if differing[f.Name] == "" {
				t.Errorf("--%s differs:\n%s: %s (default %q)\n%s: %s (default %q)", f.Name, old.command, old.text, old.preset, now.command, now.text, now.preset)
			}
		})
	})
	for name, reason := range differing {
		if !different[name] {
			t.Errorf("--%s does not differ: %s", name, reason)
		}
	}
}

// The help of a flag is a line that fits on a terminal.
func TestFlagHelp(t *testing.T) {
	var long []string
	eachCommand(new(app).root(nil), func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if n := len(f.Usage); n > 80 || n == 0 || strings.Contains(f.Usage, "\n") || strings.HasSuffix(f.Usage, ".") {
				long = append(long, fmt.Sprintf("%s --%s: %d characters: %s", c.CommandPath(), f.Name, n, f.Usage))
			}
		})
	})
	slices.Sort(long)
	for _, line := range long {
		t.Error(line)
	}
}
