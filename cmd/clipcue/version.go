package main

import (
	"runtime"
	"runtime/debug"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/spf13/cobra"
)

// version returns the version of the program.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Print the version",
		Example:     "  clipcue version",
		Annotations: worksWithoutSettings,
		Args:        arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			terminal.Fprintf(a.out, "clipcue %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
