package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/clip/hub"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/settings"
	"github.com/clipcue/clipcue/cmd/clipcue/internal/terminal"
	"github.com/clipcue/clipcue/internal/server/access"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{
		Use:         "config",
		Short:       "Show and change defaults of flags",
		Annotations: worksWithoutSettings,
		Long: fmt.Sprintf(`Some flags can have another default, for all commands that have them:
%s.

The command line has precedence, then a variable such as %s, then the file
that config set changes. CLIPCUE_CONFIG selects another file. The default backbone is
not used where a run or library has its own.`, strings.Join(settings.Names(), ", "), settings.Variable("log-format")),
		Example: "  clipcue config set model ViT-B/16\n  clipcue config show",
	}
	c.AddCommand(a.configShowCommand(), a.configSetCommand())
	return c
}

func (a *app) configShowCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "show",
		Short:   "Print all settings and where they come from",
		Example: "  clipcue config show --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			values, _ := settings.Read() // what is wrong is logged before
			if asJSON {
				return a.json(values)
			}
			var rows [][2]string
			for _, v := range values {
				row := [2]string{v.Name, "(not set)"}
				if v.Origin != "" {
					row[1] = v.Value + "  from " + v.Origin
				}
				rows = append(rows, row)
			}
			return a.pairs(rows)
		},
	}
	flags.JSON(c, &asJSON)
	return c
}

func (a *app) configSetCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "set NAME [VALUE]",
		Short:   "Store a setting, or remove it",
		Example: "  clipcue config set model ViT-B/16\n  clipcue config set model",
		Args:    arguments(1, 2, "a name and a value"),
		RunE: func(c *cobra.Command, args []string) error {
			value := strings.Join(args[1:], "")
			if f := c.Flags().Lookup(args[0]); f != nil && value != "" { // flags of all commands can be checked now
				if err := f.Value.Set(value); err != nil {
					return usageError{fmt.Errorf("%s: %w", args[0], err)}
				}
			}
			if check := settingChecks[args[0]]; check != nil && value != "" {
				if err := check(value); err != nil {
					return usageError{fmt.Errorf("%s: %w", args[0], err)}
				}
			}
			damaged, err := settings.Set(args[0], value)
			if damaged != "" {
				a.log.Warn("the settings file could not be read; it is kept under another name", "path", damaged)
			}
			if err != nil {
				return err
			}
			path, err := settings.Path()
			if err == nil {
				terminal.Fprintf(a.out, "%s\n", path)
			}
			return err
		},
	}
}

// settingChecks are those of settings whose commands accept any text as a flag at first.
var settingChecks = map[string]func(string) error{"address": access.CheckAddress, "mirror": hub.CheckMirror}
