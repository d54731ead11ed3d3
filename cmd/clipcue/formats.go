package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/flags"
	"github.com/clipcue/clipcue/internal/markfile"
)

func (a *app) formatsCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "formats",
		Short: "List the file formats of marks and segments",
		Long: `Lists the formats of label import, label export and label apply --out, the programs that
read and write them, and what each cannot represent. Formats with a star have one file per
video, which is named as the video with the extension added.`,
		Example: "  clipcue formats",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			all := markfile.List()
			if asJSON {
				return a.json(all)
			}
			return a.rows("format\tprogram\textension\timport\texport\tcannot represent", len(all), func(i int) string {
				f := all[i]
				star := map[bool]string{true: "*"}[f.PerVideo]
				return fmt.Sprintf("%s%s\t%s\t%s\t%s\t%s\t%s", f.Name, star, f.Program, strings.Join(f.Extensions, " "), yes(f.Import), yes(f.Export), cmp.Or(f.Loses, "-"))
			})
		},
	}
	flags.JSON(c, &asJSON)
	return c
}

func yes(b bool) string { return map[bool]string{true: "yes", false: "-"}[b] }
