package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/demo"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/library"
)

// demoLabels are labels of the archive, and how many moments of each are marked.
var demoLabels = []struct {
	name  string
	marks int
}{{"red circle", 8}, {"blue star", 4}}

// demoServe renders an archive, indexes it, marks some moments and serves it.
func (a *app) demoServe(c *cobra.Command, o demo.Options, address string) error {
	if err := access.CheckFree(c.Context(), address); err != nil {
		return err
	}
	archive, err := demo.NewArchive(c.Context(), o)
	if err != nil {
		return interrupted(c.Context(), o.Dir, err)
	}
	lib := filepath.Join(o.Dir, "library")
	if err := a.also(c, a.indexCommand(), "--library", lib, archive.Folder); err != nil && !isPartial(err) {
		return interrupted(c.Context(), o.Dir, err)
	}
	for _, l := range demoLabels {
		err := library.CreateLabel(c.Context(), lib, library.Label{Name: l.name})
		if errors.Is(err, library.ErrLabelExists) {
			continue // and has the marks of an earlier run
		}
		if err != nil {
			return err
		}
		marks, err := archive.Marks(l.name, l.marks)
		if err != nil {
			return err
		}
		if _, err := library.AddMarks(c.Context(), lib, marks, false); err != nil {
			return err
		}
	}
	return a.also(c, a.serveCommand(), "--library", lib, "--allow", o.Dir, "--address", address)
}

// also executes another command with arguments.
func (a *app) also(c, other *cobra.Command, args ...string) error {
	other.SetArgs(args)
	other.SilenceErrors, other.SilenceUsage = true, true
	return other.ExecuteContext(c.Context())
}
