package main

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/clipcue/clipcue/cmd/clipcue/internal/demo"
	"github.com/clipcue/clipcue/internal/server/access"
	"github.com/clipcue/clipcue/label"
	"github.com/clipcue/clipcue/library"
)

// demoLabels are labels of the archive, and how many moments of each are marked.
var demoLabels = []struct {
	name  string
	marks int
}{{"red circle", 24}, {"blue star", 8}}

// atOnce is the number of suggestions that are marked before the others are ranked again.
const atOnce = 4

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
		for i := range l.marks / atOnce {
			if err := a.answer(c, archive, lib, l.name, label.Feeds()[i%2]); err != nil {
				return err
			}
		}
	}
	return a.also(c, a.serveCommand(), "--library", lib, "--allow", o.Dir, "--address", address)
}

// answer marks some suggestions of a feed, as a user would who looks at them.
func (a *app) answer(c *cobra.Command, archive *demo.Archive, lib, name string, feed label.Feed) error {
	var marks []library.Mark
	err := a.teachOne(c, embedderFlags{libraryFlags: libraryFlags{library: lib}}, name, func(t *library.Teacher) error {
		marks = archive.Answer(name, t.Suggest(feed, 4*atOnce, 0, nil), atOnce)
		return nil
	})
	if err == nil {
		_, _, err = library.AddMarks(c.Context(), lib, marks, false)
	}
	return err
}

// also executes another command with arguments.
func (a *app) also(c, other *cobra.Command, args ...string) error {
	other.SetArgs(args)
	other.SilenceErrors, other.SilenceUsage = true, true
	return other.ExecuteContext(c.Context())
}
