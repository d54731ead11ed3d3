package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

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
			if value != "" {
				if err := checkSetting(c.Root(), args[0], value); err != nil {
					return usageError{fmt.Errorf("%s: %w", args[0], err)}
				}
			}
			damaged, err := settings.Set(c.Context(), args[0], value)
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
var settingChecks = map[string]func(string) error{"address": access.CheckAddress, "mirror": hub.CheckMirror,
	"upstream": func(s string) error { _, err := parseUpstream(s); return err }}

// checkSetting returns an error for a value that the commands with the flag of a setting do not take.
func checkSetting(root *cobra.Command, name, value string) error {
	if f := flagOf(root, name); f != nil {
		if err := settings.SetFlag(f, value); err != nil {
			return err
		}
	}
	if check := settingChecks[name]; check != nil {
		return check(value)
	}
	return nil
}

// checkSettings checks the settings of all commands but those of the flags that all commands have.
func checkSettings(root *cobra.Command) (err error) {
	values, _ := settings.Read() // Apply has returned the error
	for _, v := range values {
		if v.Origin == "" || root.PersistentFlags().Lookup(v.Name) != nil {
			continue
		}
		if bad := checkSetting(root, v.Name, v.Value); bad != nil {
			err = errors.Join(err, v.Wrong(bad))
		}
	}
	return err
}

// flagOf returns the flag of a name of a command or one below it, nil if there is none.
func flagOf(c *cobra.Command, name string) *pflag.Flag {
	if f := c.Flags().Lookup(name); f != nil {
		return f
	}
	if f := c.PersistentFlags().Lookup(name); f != nil {
		return f
	}
	for _, below := range c.Commands() {
		if f := flagOf(below, name); f != nil {
			return f
		}
	}
	return nil
}
