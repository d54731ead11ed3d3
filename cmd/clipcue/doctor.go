package main

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/doctor"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/atomicfile"
)

var errUnwell = errors.New("clipcue does not work on this machine; each problem above has a remedy")

func (a *app) doctorCommand() *cobra.Command {
	var o doctor.Options
	var bundle string
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what keeps clipcue from working well",
		Long: `Examines ffmpeg and its parts, the processor, memory, disks, models and the model hub, and
prints a remedy for each problem. Exits with 1 if clipcue cannot work.

--bundle writes a file to attach to the report of a bug: what doctor found, versions, and
the names of variables that are set. It contains no names of files, folders or users.`,
		Example:     "  clipcue doctor\n  clipcue doctor --offline --bundle clipcue-report.zip",
		Args:        arguments(0, 0, "no arguments"),
		Annotations: worksWithoutSettings,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Model, o.Settings = a.defaultModel, a.badSettings
			findings := doctor.Examine(c.Context(), o)
			if err := a.printFindings(findings, asJSON); err != nil {
				return err
			}
			if bundle != "" {
				if err := writeBundle(bundle, doctor.Anonymous(findings, o)); err != nil {
					return err
				}
				a.log.Info("bundle written", "path", bundle)
			}
			if slices.ContainsFunc(findings, func(f doctor.Finding) bool { return f.State == doctor.Problem }) {
				return errUnwell
			}
			return nil
		},
	}
	c.Flags().BoolVar(&o.Offline, "offline", false, "do not ask whether the model hub answers")
	c.Flags().StringVar(&bundle, "bundle", "", "zip file for a bug report")
	flags.JSON(c, &asJSON)
	return c
}

func (a *app) printFindings(findings []doctor.Finding, asJSON bool) error {
	if asJSON {
		return a.json(findings)
	}
	for _, f := range findings {
		terminal.Fprintf(a.out, "%-9s%s: %s\n", f.State, f.What, f.Found)
		if f.Remedy != "" {
			terminal.Fprintf(a.out, "         → %s\n", f.Remedy)
		}
	}
	return nil
}

// build describes the program and the machine.
type build struct {
	Version string   `json:"version"`
	Go      string   `json:"go"`
	System  string   `json:"system"`
	Modules []string `json:"modules"`
	// Variables are the names of those that clipcue reads and that are set.
	Variables []string `json:"variables"`
}

func describeBuild() build {
	b := build{Version: version(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			b.Modules = append(b.Modules, m.Path+" "+m.Version)
		}
	}
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "CLIPCUE_") || strings.HasPrefix(name, "HF_") || name == "TMPDIR" || name == "GOMEMLIMIT" || name == "GOMAXPROCS" {
			b.Variables = append(b.Variables, name)
		}
	}
	slices.Sort(b.Variables)
	return b
}

// writeBundle writes the findings and a description of the program to a zip file.
func writeBundle(path string, findings []doctor.Finding) error {
	return atomicfile.Output(path, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for _, file := range []struct { // in this order, because the first name tells an earlier bundle from other archives
			name    string
			content any
		}{{"doctor.json", findings}, {"build.json", describeBuild()}} {
			f, err := z.Create(file.name)
			if err != nil {
				return err
			}
			e := json.NewEncoder(f)
			e.SetIndent("", "  ")
			if err := e.Encode(file.content); err != nil {
				return err
			}
		}
		return z.Close()
	})
}
